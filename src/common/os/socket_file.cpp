#include "common/os/socket_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <system_error>
#include <utility>

#include "common/base/limits.hpp"
#include "common/os/accounts.hpp"
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

SocketAccess with_mode(SocketAccess access) {
    if (!access.mode) access.mode = FileMode{kSocketMode};
    return access;
}

/// chown(2)'s word for an account that stays.
constexpr unsigned kAsItIs = ~0U;

/// Never that of another file, to which somebody who may write to the folder has put a link in its
/// place meanwhile. Where /proc is missing the library can not do that, and says so as of a link.
bool set_mode(const std::string& path, mode_t mode) {
    if (::fchmodat(AT_FDCWD, path.c_str(), mode, AT_SYMLINK_NOFOLLOW) == 0) return true;
    if (errno != EOPNOTSUPP || ::access("/proc/self/fd", F_OK) == 0) return false;
    return ::chmod(path.c_str(), mode) == 0;
}

/// Only what is different: each change gives the file another stamp. False, and errno: not allowed.
bool change(const std::string& path, const SocketAccess& access) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return false;
    if (access.owner) {
        const auto& [user, group] = *access.owner;
        errno = EINVAL;  // check_socket_access() has said so
        const auto uid = user.empty() ? status.st_uid : user_number(user);
        const auto gid = group.empty() ? status.st_gid : group_number(group);
        if (!uid || !gid) return false;
        const bool same = *uid == status.st_uid && *gid == status.st_gid;
        if (!same && ::lchown(path.c_str(), user.empty() ? kAsItIs : *uid,
                              group.empty() ? kAsItIs : *gid) != 0) {
            return false;
        }
    }
    const bool same = !access.mode || (status.st_mode & ALLPERMS) == access.mode->bits;
    return same || set_mode(path, access.mode->bits);
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

std::string check_socket_access(const SocketAccess& access) {
    if (!access.owner) return {};
    const auto& [user, group] = *access.owner;
    if (!user.empty() && !user_number(user)) return "there is no user " + user + " in /etc/passwd";
    if (!group.empty() && !group_number(group)) {
        return "there is no group " + group + " in /etc/group";
    }
    return {};
}

Result<UniqueFd, std::string> SocketFile::listen(const std::string& path,
                                                 const SocketAccess& access) {
    remove();
    errno = ENAMETOOLONG;
    if (!check_socket_path(path).empty()) return failure(path);
    std::string kept = path;
    const sockaddr_un address = socket_address(path);
    auto [fd, of_manager] = inherited_sockets().take(path);
    const bool is_inherited = static_cast<bool>(fd);
    const SocketAccess wanted = of_manager ? access : with_mode(access);
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
    if (!change(path, wanted) || ::listen(fd.get(), kListenBacklog) != 0) {
        auto failed = failure(path);
        if (!is_inherited) ::unlink(path.c_str());
        return failed;
    }
    path_ = std::move(kept);
    owner_ = of_manager ? Owner::manager : is_inherited ? Owner::before : Owner::ours;
    note_stamp();
    return std::move(fd);
}

void SocketFile::note_stamp() {
    struct stat status {};
    if (::lstat(path_.c_str(), &status) == 0) stamp_ = stamp_of(status);
}

std::optional<std::string> SocketFile::allow(const SocketAccess& access) {
    struct stat status {};
    if (::lstat(path_.c_str(), &status) != 0 || stamp_of(status) != stamp_) {
        return path_ + ": another file is in its place";
    }
    const bool done = change(path_, owner_ == Owner::manager ? access : with_mode(access));
    const int error = done ? 0 : errno;
    note_stamp();
    if (done) return std::nullopt;
    return path_ + ": " + std::generic_category().message(error);
}

void SocketFile::keep() noexcept {
    if (owner_ == Owner::before) owner_ = Owner::ours;
}

std::string SocketFile::handed_as(const std::string& name) const {
    return owner_ == Owner::manager ? std::string(kOfManager) + name : name;
}

void SocketFile::remove() noexcept {
    if (path_.empty()) return;
    struct stat status {};
    if (owner_ == Owner::ours && ::lstat(path_.c_str(), &status) == 0 &&
        stamp_of(status) == stamp_) {
        ::unlink(path_.c_str());
    }
    path_.clear();
}

}  // namespace inout
