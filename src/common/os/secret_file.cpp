#include "common/os/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "common/base/limits.hpp"
#include "common/os/file.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {
namespace {

std::string failed(std::string_view what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

int write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::write(fd, text.data(), text.size());
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
    }
    return 0;
}

}  // namespace

Result<Secret, std::string> read_secret_file(const std::string& path) {
    const auto content = read_file(path, FileAudience::owner_only, kPemMaxBytes);
    if (!content) return Failure{content.error()};
    std::string_view text = content->bytes();
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
