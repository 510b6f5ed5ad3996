#include "common/os/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <system_error>
#include <vector>

#include "common/base/crypto.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {
namespace {

std::string with_reason(const char* what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

/// What is wrong with who may read and write it.
std::optional<std::string> check_access(const struct stat& status, FileAudience audience) {
    if (audience == FileAudience::everybody) return std::nullopt;
    if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
        return "belongs to the user " + std::to_string(status.st_uid) +
               ", who is neither root nor the one that this program runs as (" +
               std::to_string(::geteuid()) + "): chown";
    }
    const mode_t mode = status.st_mode & 07777U;
    const bool group_may = audience == FileAudience::group || status.st_uid == 0;
    const mode_t excess = mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH) &
                          ~(group_may ? static_cast<mode_t>(S_IRGRP) : mode_t{0});
    if (excess == 0) return std::nullopt;
    char octal[8];
    std::snprintf(octal, sizeof octal, "%04o", static_cast<unsigned>(mode));
    return std::string("can be ") +
           ((excess & (S_IRGRP | S_IROTH)) != 0 ? "read by " : "changed by ") +
           ((excess & (S_IROTH | S_IWOTH)) != 0 ? "others" : "its group") + " (mode " + octal +
           "): chmod 600";
}

/// Bytes that are not left behind in memory.
struct WipedBytes {
    std::vector<char> bytes;

    explicit WipedBytes(std::size_t size) : bytes(size) {}
    WipedBytes(const WipedBytes&) = delete;
    WipedBytes& operator=(const WipedBytes&) = delete;
    ~WipedBytes() { wipe(bytes.data(), bytes.size()); }
};

}  // namespace

Result<Secret, std::string> read_file(const std::string& path, FileAudience audience,
                                      std::size_t max_bytes) {
    // O_NONBLOCK: a FIFO would keep the program waiting for somebody to write into it.
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd) return Failure{with_reason("can not be opened", errno)};
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return Failure{with_reason("can not be examined", errno)};
    if (S_ISDIR(status.st_mode)) return Failure{std::string("is a directory, not a regular file")};
    if (!S_ISREG(status.st_mode)) return Failure{std::string("is not a regular file")};
    if (auto problem = check_access(status, audience)) return Failure{std::move(*problem)};

    // One byte more tells that there is more, also of a file that grows meanwhile.
    const auto expected = static_cast<std::size_t>(std::max<off_t>(status.st_size, 0));
    WipedBytes buffer(std::min(std::max<std::size_t>(expected, 4'096), max_bytes) + 1);
    std::size_t size = 0;
    while (size < buffer.bytes.size()) {
        const ssize_t n = ::read(fd.get(), buffer.bytes.data() + size, buffer.bytes.size() - size);
        if (n == 0) break;
        if (n < 0 && errno != EINTR) return Failure{with_reason("can not be read", errno)};
        if (n > 0) size += static_cast<std::size_t>(n);
    }
    if (size == buffer.bytes.size()) {
        return Failure{size > max_bytes ? "is longer than " + std::to_string(max_bytes) + " bytes"
                                        : std::string("is being written")};
    }
    return Secret({buffer.bytes.data(), size});
}

Result<std::string, std::error_code> read_up_to(const std::string& path, std::size_t max_bytes) {
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return Failure{std::error_code(errno, std::generic_category())};
    std::string text(max_bytes, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t n = ::read(file.get(), text.data() + size, text.size() - size);
        if (n == 0) break;
        if (n < 0 && errno != EINTR) {
            return Failure{std::error_code(errno, std::generic_category())};
        }
        if (n > 0) size += static_cast<std::size_t>(n);
    }
    text.resize(size);
    return text;
}

std::string stamp_of(const char* path) {
    struct stat s {};
    std::string stamp;
    if (::stat(path, &s) != 0) return stamp;
    for (const auto part :
         {static_cast<long long>(s.st_dev), static_cast<long long>(s.st_ino),
          static_cast<long long>(s.st_size), static_cast<long long>(s.st_mtim.tv_sec),
          static_cast<long long>(s.st_mtim.tv_nsec),
          // Also when only its mode or its owner was put right.
          static_cast<long long>(s.st_ctim.tv_sec), static_cast<long long>(s.st_ctim.tv_nsec)}) {
        stamp += std::to_string(part) + ' ';
    }
    return stamp;
}

}  // namespace inout
