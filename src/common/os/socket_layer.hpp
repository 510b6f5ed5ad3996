// SocketLayer: the lowest layer of a connection, the kernel's socket. Borrows the descriptor of its
// Connection, on its worker's thread.
#pragma once

#include "common/os/byte_layer.hpp"

namespace inout {

class SocketLayer : public ByteLayer {
  public:
    /// Non-blocking; -1: all that is asked fails with EBADF.
    explicit SocketLayer(int fd) : fd_(fd) {}

    ssize_t read(std::span<char> into) override;
    ssize_t write(std::string_view data) override;
    int shut_send() override;
    bool is_drained() const override { return drained_ && !ended_; }
    bool is_quiet() override;
    /// splice(2) stops before urgent data as if nothing were there.
    bool can_splice() const override { return !urgent_; }
    bool take_raw(std::uint64_t /*moved*/) override { return !urgent_; }
    /// With SPLICE_F_NONBLOCK and SPLICE_F_MOVE, never SPLICE_F_MORE: it would delay a last piece.
    ssize_t splice_into(int pipe, std::size_t size) override;
    ssize_t splice_from(int pipe, std::size_t size) override;

    /// What the kernel tells: it holds something to read; that is the end, or an error, and every
    /// read will say so; urgent data; there is room to write.
    void has_input() { drained_ = false; }
    void has_ended() { ended_ = true; }
    void has_urgent_data() { urgent_ = true; }
    void has_room() { full_ = false; }
    /// From now on a short read says nothing: between two pieces of a UNIX socket's stream there
    /// may be what ends a read, such as descriptors that were sent along (unix(7)).
    void reads_in_pieces() { in_pieces_ = true; }
    /// Whether the last write has met a full socket, and no room was told of since.
    bool is_full() const { return full_; }
    void set_full() { full_ = true; }
    void set_drained() { drained_ = true; }

    int fd() const { return fd_; }
    /// Another one; -1 for a closed one, whose number may soon be another connection's.
    void attach(int fd) { fd_ = fd; }

  private:
    ssize_t told(ssize_t written);

    int fd_;
    bool drained_ = false, ended_ = false, urgent_ = false, full_ = false, in_pieces_ = false;
};

}  // namespace inout
