#include "common/os/descriptors.hpp"

#include <sys/resource.h>

#include <algorithm>

#include "common/base/limits.hpp"

namespace inout {

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

}  // namespace inout
