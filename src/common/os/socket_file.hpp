// A socket that listens at a path (unix(7)), the file that it makes there, and how others reach it.
// Nothing here waits.
// Any thread, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "common/base/result.hpp"
#include "common/base/socket_access.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {

/// What is wrong with a path for a socket; empty: it is fine.
std::string check_socket_path(const std::string& path);

/// A stream socket that is connected to the one that listens at `path`, not blocking, with the
/// options that it shares with a TCP connection; `@name`: at an abstract one. Nothing, and errno:
/// EAGAIN if its queue is full (connect(2)), for which no event tells when it is so no more.
UniqueFd connect_to_socket(const std::string& path);

/// What this machine does not know of that: a user, a group; empty: it knows all.
std::string check_socket_access(const SocketAccess& access);

/// The file of one that listens; goes with this, unless another one has taken its place, or it is a
/// service manager's.
class SocketFile {
  public:
    SocketFile() = default;
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;
    ~SocketFile() { remove(); }

    /// Listens there, not blocking, for its user and group (0660) unless `access` says otherwise. A
    /// socket that is there already and at which nobody listens gives way; one that this process
    /// has inherited is taken, a service manager's with its file as it is but for what `access`
    /// says. The failure says what is in the way.
    Result<UniqueFd, std::string> listen(const std::string& path, const SocketAccess& access = {});
    /// The same access for one that listens; the failure says why not.
    std::optional<std::string> allow(const SocketAccess& access);
    /// One that was inherited of the process before, which may still go on, is this one's now.
    void keep() noexcept;
    /// Under which name it is handed on.
    std::string handed_as(const std::string& name) const;
    /// Another process listens there too, and the file is its own from now on.
    void leave() noexcept { path_.clear(); }
    void remove() noexcept;

  private:
    enum class Owner { ours, before, manager };
    void note_stamp();

    std::string path_;  // empty: there is none
    Owner owner_ = Owner::ours;
    std::array<std::int64_t, 4> stamp_{};
};

}  // namespace inout
