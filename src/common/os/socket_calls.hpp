// The system calls of the data plane, behind one seam so that tests can make them fail or fall
// short (tests/fault). Results and errno as in the man pages. One for the whole process, for any
// thread.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace inout {

class SocketCalls {
  public:
    virtual ~SocketCalls() = default;
    virtual ssize_t recv(int fd, void* buffer, std::size_t size);
    /// With MSG_NOSIGNAL.
    virtual ssize_t send(int fd, const void* data, std::size_t size);
    /// With SPLICE_F_NONBLOCK and SPLICE_F_MOVE, never SPLICE_F_MORE: it would delay a last piece.
    virtual ssize_t splice(int from, int to, std::size_t size);
    virtual int shutdown_send(int fd);
    /// True: the event loop must not read the first bytes of a message itself.
    virtual bool all_reads_are_here() const { return false; }

    static SocketCalls& system();
};

}  // namespace inout
