#include "common/os/socket_file.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>

#include "common/base/limits.hpp"
#include "common/os/inherited_sockets.hpp"
#include "common/os/socket.hpp"

namespace inout {
namespace {

constexpr mode_t kSocketMode = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP;

sockaddr_un socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    return address;
}

UniqueFd make_socket() {
    return UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int do_bind(int fd, const sockaddr_un& address) {
    return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

/// Whether what is there is a socket that was left behind.
bool is_stale(const sockaddr_un& address) {
    struct stat status {};
    if (::lstat(address.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    const UniqueFd probe = make_socket();
    return probe &&
           ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
               0 &&
           errno == ECONNREFUSED;
}

/// What tells it from another one of the same name; numbers of files are given anew at once.
std::array<std::int64_t, 4> stamp_of(const struct stat& status) {
    return {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
            status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

Failure<std::string> failure(const std::string& path) {
    return {"cannot listen on " + path + ": " + std::generic_category().message(errno)};
}

}  // namespace

std::string check_socket_path(const std::string& path) {
    constexpr std::size_t kMax = sizeof(sockaddr_un::sun_path) - 1;
    if (path.size() <= kMax) return {};
    return "is too long for a socket: " + std::to_string(path.size()) + " bytes, at most " +
           std::to_string(kMax);
}

UniqueFd connect_to_socket(const std::string& path) {
    errno = ENAMETOOLONG;
    if (!check_socket_path(path).empty()) return {};
    sockaddr_un address = socket_address(path);
    std::size_t size = sizeof address;
    if (path.starts_with('@')) {
        // Abstract: begins with a NUL, and every byte counts that is given.
        address.sun_path[0] = '\0';
        size = offsetof(sockaddr_un, sun_path) + path.size();
    }
    UniqueFd fd = make_socket();
    if (!fd) return fd;
    set_connection_options(fd.get());
    int failed = 0;
    do {
        failed = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                           static_cast<socklen_t>(size));
    } while (failed != 0 && errno == EINTR);
    if (failed == 0) return fd;
    const int error = errno;
    fd.reset();
    errno = error;
    return fd;
}

Result<UniqueFd, std::string> SocketFile::listen(const std::string& path) {
    remove();
    errno = ENAMETOOLONG;
    if (!check_socket_path(path).empty()) return failure(path);
    std::string kept = path;
    const sockaddr_un address = socket_address(path);
    UniqueFd fd = inherited_sockets().take(path);
    const bool is_inherited = static_cast<bool>(fd);
    if (!fd) fd = make_socket();
    if (!fd) return failure(path);
    if (!is_inherited && do_bind(fd.get(), address) != 0) {
        if (errno != EADDRINUSE) return failure(path);
        if (!is_stale(address)) {
            errno = EADDRINUSE;
            return failure(path);
        }
        if (::unlink(path.c_str()) != 0 || do_bind(fd.get(), address) != 0) return failure(path);
    }
    // Nobody gets in before it listens.
    struct stat status {};
    if (::chmod(path.c_str(), kSocketMode) != 0 || ::listen(fd.get(), kListenBacklog) != 0 ||
        ::lstat(path.c_str(), &status) != 0) {
        auto failed = failure(path);
        if (!is_inherited) ::unlink(path.c_str());
        return failed;
    }
    path_ = std::move(kept);
    stamp_ = stamp_of(status);
    return fd;
}

void SocketFile::remove() noexcept {
    if (path_.empty()) return;
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0 && stamp_of(status) == stamp_) {
        ::unlink(path_.c_str());
    }
    path_.clear();
}

}  // namespace inout
