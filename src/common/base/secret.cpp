#include "common/base/secret.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "common/base/crypto.hpp"
#include "common/base/limits.hpp"
#include "common/base/unique_fd.hpp"

namespace inout {
namespace {

std::string failed(std::string_view what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

/// What is wrong with the file's kind or permissions.
std::optional<std::string> check_file(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return failed("can not be examined", errno);
    if (!S_ISREG(status.st_mode)) return "is not a regular file";

    const mode_t mode = status.st_mode & 07777U;
    const mode_t group_may = status.st_uid == 0 ? S_IRGRP : 0;
    const mode_t excess = mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH) & ~group_may;
    if (excess == 0) return std::nullopt;
    char octal[8];
    std::snprintf(octal, sizeof octal, "%04o", static_cast<unsigned>(mode));
    return std::string("can be ") +
           ((excess & (S_IRGRP | S_IROTH)) != 0 ? "read by " : "changed by ") +
           ((excess & (S_IROTH | S_IWOTH)) != 0 ? "others" : "its group") + " (mode " + octal +
           "): chmod 600";
}

/// A buffer on the stack that does not stay there.
struct Buffer {
    // The longest secret, its newline, and one byte more to know that there is more.
    std::array<char, kSecretMaxBytes + 3> bytes;
    std::size_t size = 0;

    Buffer() = default;
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;
    ~Buffer() { wipe(bytes.data(), bytes.size()); }

    /// Until the end of the file, or until it is full; an errno if that failed.
    int fill(int fd) {
        while (size < bytes.size()) {
            const ssize_t n = ::read(fd, bytes.data() + size, bytes.size() - size);
            if (n == 0) return 0;
            if (n < 0 && errno != EINTR) return errno;
            if (n > 0) size += static_cast<std::size_t>(n);
        }
        return 0;
    }
};

int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
}

}  // namespace

Secret::~Secret() { wipe(bytes_.data(), bytes_.size()); }

Result<Secret, std::string> read_secret_file(const std::string& path) {
    // O_NONBLOCK: a FIFO would keep the program waiting for somebody to write into it. What was
    // opened is what is examined, so nobody can exchange the file in between.
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd) return Failure{failed("can not be opened", errno)};
    if (auto problem = check_file(fd.get())) return Failure{std::move(*problem)};

    Buffer buffer;
    if (const int error = buffer.fill(fd.get())) return Failure{failed("can not be read", error)};
    std::string_view text(buffer.bytes.data(), buffer.size);
    if (text.ends_with('\n')) text.remove_suffix(text.ends_with("\r\n") ? 2 : 1);
    if (text.size() < kSecretMinBytes) {
        return Failure{"is too short to be a secret: " + std::to_string(text.size()) +
                       " bytes, at least " + std::to_string(kSecretMinBytes) + " are needed"};
    }
    if (text.size() > kSecretMaxBytes) {
        return Failure{"is too long to be a secret: at most " + std::to_string(kSecretMaxBytes) +
                       " bytes are allowed"};
    }
    return Secret(text);
}

std::optional<std::string> write_new_secret_file(const std::string& path, std::string_view text) {
    constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
    if (!fd) return errno == EEXIST ? "exists already" : failed("can not be created", errno);

    int error = ::fchmod(fd.get(), kOwnerOnly) == 0 ? 0 : errno;  // the umask may have taken bits
    if (error == 0) error = write_all(fd.get(), text);
    if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
    if (error == 0) return std::nullopt;
    ::unlink(path.c_str());  // half a secret is none
    return failed("can not be written", error);
}

}  // namespace inout
