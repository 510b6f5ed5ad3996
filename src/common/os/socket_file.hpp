// A socket that listens at a path (unix(7)), the file that it makes there, and how others reach it.
// Nothing here waits.
// Any thread, one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "common/base/result.hpp"
#include "common/os/unique_fd.hpp"

namespace inout {

/// What is wrong with a path for a socket; empty: it is fine.
std::string check_socket_path(const std::string& path);

/// A stream socket that is connected to the one that listens at `path`, not blocking, with the
/// options that it shares with a TCP connection; `@name`: at an abstract one. Nothing, and errno:
/// EAGAIN if its queue is full (connect(2)), for which no event tells when it is so no more.
UniqueFd connect_to_socket(const std::string& path);

/// The file of one that listens; goes with this, unless another one has taken its place.
class SocketFile {
  public:
    SocketFile() = default;
    SocketFile(const SocketFile&) = delete;
    SocketFile& operator=(const SocketFile&) = delete;
    ~SocketFile() { remove(); }

    /// Listens there, not blocking, for its user and group (0660). A socket that is there already
    /// and at which nobody listens gives way; one that this process has inherited is taken. The
    /// failure says what is in the way.
    Result<UniqueFd, std::string> listen(const std::string& path);
    /// Another process listens there too, and the file is its own from now on.
    void leave() noexcept { path_.clear(); }
    void remove() noexcept;

  private:
    std::string path_;  // empty: there is none
    std::array<std::int64_t, 4> stamp_{};
};

}  // namespace inout
