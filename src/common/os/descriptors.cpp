#include "common/os/descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "common/base/limits.hpp"

namespace inout {

UniqueFd copy_of(int descriptor) { return UniqueFd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0)); }

std::size_t descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<std::size_t>(limit.rlim_cur);
}

std::size_t raise_descriptor_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    return descriptor_limit();
}

std::size_t descriptors_for_streams(std::size_t limit, std::size_t threads, std::size_t fixed) {
    const std::size_t others = kReservedDescriptors + kProcessDescriptors +
                               kWorkerDescriptors * threads + limit / kPipesShare + fixed;
    return std::max(limit - std::min(limit, others), kStreamDescriptors);
}

std::optional<std::size_t> open_descriptors() {
    constexpr const char* kOwn = "/proc/self/fd";
    // Linux 6.2 and later count them here; to list a hundred thousand takes its time.
    struct stat status {};
    if (::stat(kOwn, &status) != 0) return std::nullopt;
    if (status.st_size > 0) return static_cast<std::size_t>(status.st_size);
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(kOwn), ::closedir);
    if (!folder) return std::nullopt;
    std::size_t count = 0;
    while (const dirent* const entry = ::readdir(folder.get())) {
        if (entry->d_name[0] != '.') ++count;
    }
    return count - 1;  // its own
}

}  // namespace inout
