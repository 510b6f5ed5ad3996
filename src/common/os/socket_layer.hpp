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
    bool is_drained() const override { return drained_; }
    bool is_quiet() override;
    bool can_splice() const override { return true; }
    /// With SPLICE_F_NONBLOCK and SPLICE_F_MOVE, never SPLICE_F_MORE: it would delay a last piece.
    ssize_t splice_into(int pipe, std::size_t size) override;
    ssize_t splice_from(int pipe, std::size_t size) override;

    int fd() const { return fd_; }
    /// Another one; -1 for a closed one, whose number may soon be another connection's.
    void attach(int fd) { fd_ = fd; }

  private:
    int fd_;
    bool drained_ = false;
};

}  // namespace inout
