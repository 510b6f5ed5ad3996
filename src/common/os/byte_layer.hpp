// ByteLayer: one layer of a connection, through which its bytes go.
//
// The lowest is the socket (os/socket_layer); TLS is a layer, over that or over another TLS; the
// tests have one that makes faults. Whoever moves bytes speaks with the uppermost and never asks
// what it is. Never blocks. Owned by its Connection, on its worker's thread.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "common/base/turn.hpp"

namespace inout {

class ByteLayer {
  public:
    ByteLayer() = default;
    ByteLayer(const ByteLayer&) = delete;
    ByteLayer& operator=(const ByteLayer&) = delete;
    virtual ~ByteLayer() = default;

    /// As recv(2): how many bytes, 0 for a clean end, or -1 with errno.
    virtual ssize_t read(std::span<char> into) = 0;
    /// As send(2), without SIGPIPE: how many bytes were taken, or -1 with errno. After EAGAIN at
    /// least the same bytes have to come again.
    virtual ssize_t write(std::string_view data) = 0;
    /// Ends our direction: 0, or -1 with errno; EAGAIN: again when there is room.
    virtual int shut_send() = 0;

    /// What the last EAGAIN of reading, and of writing, waits for, if not for the obvious.
    virtual bool read_wants_write() const { return false; }
    virtual bool write_wants_read() const { return false; }
    /// Whether the last read has left nothing behind: another would only say EAGAIN, or the end
    /// (socket(7), epoll(7)).
    virtual bool is_drained() const = 0;
    /// Nothing to read now: no bytes, no end, no error. May take from the kernel what has no
    /// content, such as a session ticket.
    virtual bool is_quiet() = 0;

    /// Whether what is read here are the socket's bytes, so that the kernel may move them.
    virtual bool can_splice() const { return false; }
    /// Whether what is written here may be the socket's bytes too, from now on. A layer that frames
    /// may tell its peer so; `moved`: so much of the stream has been written already.
    virtual bool take_raw(std::uint64_t /*moved*/) { return false; }
    /// As splice(2), from here into a pipe and from a pipe to here; EINVAL where it can not be.
    virtual ssize_t splice_into(int /*pipe*/, std::size_t /*size*/) { return no_splice(); }
    virtual ssize_t splice_from(int /*pipe*/, std::size_t /*size*/) { return no_splice(); }

    /// What each record costs on the wire beside its content, in bytes; 0: there are no records.
    virtual std::size_t record_overhead() const { return 0; }
    /// Records and messages of its own that reading has gone through since the last call, with or
    /// without content, those of the layers below included: what a turn is charged (Turn).
    virtual unsigned take_work() { return 0; }

    /// What has failed in this layer or below, for good: the kernel tells an error only once. The
    /// words for the log, empty if nothing has. The socket has neither; its errors are in errno.
    virtual std::error_code last_error() const { return {}; }
    virtual std::string failure() const { return {}; }

  private:
    static ssize_t no_splice() {
        errno = EINVAL;
        return -1;
    }
};

/// Charges a read of `layer` that gave so many bytes.
inline void spend_read(Turn& turn, ByteLayer& layer, std::size_t bytes) {
    turn.spend(std::max(Turn::kRead, layer.take_work()), bytes + layer.record_overhead());
}

}  // namespace inout
