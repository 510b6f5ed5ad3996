#include "common/os/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "common/base/limits.hpp"
#include "common/base/random.hpp"
#include "common/os/file.hpp"
#include "common/os/saved_file.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {
namespace {

/// Of a name that nobody else may take.
constexpr std::size_t kTemporaryDigits = 16;

std::string failed(std::string_view what, int error) {
    return std::string(what) + ": " + std::generic_category().message(error);
}

std::string_view without_line_end(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(text.ends_with("\r\n") ? 2 : 1);
    return text;
}

int write_text(int fd, std::string_view text) {
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
    const std::string_view text = without_line_end(content->bytes());
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

Result<Secret, std::string> read_password_file(const std::string& path, std::size_t max_bytes) {
    const auto content = read_file(path, FileAudience::owner_only, kPemMaxBytes);
    if (!content) return Failure{content.error()};
    const std::string_view text = without_line_end(content->bytes());
    if (text.empty()) return Failure{std::string("is empty")};
    if (text.size() > max_bytes) {
        return Failure{"is too long to be a password: at most " + std::to_string(max_bytes) +
                       " bytes are allowed"};
    }
    return Secret(text);
}

std::optional<std::string> write_new_secret_file(const std::string& path, std::string_view text) {
    constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0) return "exists already";
    // Under another name first: who finds this one finds a whole secret in it, also after a crash.
    const std::string name = path + "." + random_hex(kTemporaryDigits) + ".new";
    const UniqueFd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnerOnly));
    if (!fd) return failed("can not be created", errno);

    int error = ::fchmod(fd.get(), kOwnerOnly) == 0 ? 0 : errno;  // the umask may have taken bits
    if (error == 0) error = write_text(fd.get(), text);
    if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
    // Unlike rename(2) it never replaces what somebody else has made meanwhile.
    if (error == 0 && ::link(name.c_str(), path.c_str()) != 0) error = errno;
    ::unlink(name.c_str());
    if (error == EEXIST) return "exists already";
    if (error != 0) return failed("can not be written", error);
    sync_folder_of(path);
    return std::nullopt;
}

}  // namespace inout
