// The lowest layer of a connection with its system calls in the hands of the test.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "common/os/socket.hpp"
#include "common/os/socket_layer.hpp"

namespace inout {

/// The calls of the data plane, results and errno as in the man pages; for tests to override.
class SocketCalls {
  public:
    virtual ~SocketCalls() = default;
    virtual ssize_t recv(int fd, void* buffer, std::size_t size) {
        return ::recv(fd, buffer, size, 0);
    }
    virtual ssize_t send(int fd, const void* data, std::size_t size) {
        return ::send(fd, data, size, MSG_NOSIGNAL);
    }
    virtual ssize_t splice(int from, int to, std::size_t size) {
        return ::splice(from, nullptr, to, nullptr, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    }
    virtual int shutdown_send(int fd) { return ::shutdown(fd, SHUT_WR); }

    static SocketCalls& system() {
        static SocketCalls calls;
        return calls;
    }
};

class CallsLayer : public ByteLayer {
  public:
    explicit CallsLayer(int fd, SocketCalls& calls = SocketCalls::system())
        : fd_(fd), calls_(calls) {}
    /// Over that of a connection, which learns how it is with the socket whatever the calls say.
    CallsLayer(SocketLayer& wire, SocketCalls& calls)
        : fd_(wire.fd()), calls_(calls), wire_(&wire) {}

    ssize_t read(std::span<char> into) override {
        const ssize_t n = calls_.recv(fd_, into.data(), into.size());
        drained_ = n < static_cast<ssize_t>(into.size());
        note();
        return n;
    }
    ssize_t write(std::string_view data) override {
        return noted(calls_.send(fd_, data.data(), data.size()));
    }
    int shut_send() override { return calls_.shutdown_send(fd_); }
    bool is_drained() const override {
        return drained_ && (wire_ == nullptr || wire_->is_drained());  // which is told of more
    }
    bool is_quiet() override { return !has_input(fd_); }
    bool can_splice() const override { return true; }
    bool take_raw(std::uint64_t /*moved*/) override { return true; }
    ssize_t splice_into(int pipe, std::size_t size) override {
        return noted(calls_.splice(fd_, pipe, size));
    }
    ssize_t splice_from(int pipe, std::size_t size) override {
        return noted(calls_.splice(pipe, fd_, size));
    }

  private:
    void note() {
        if (wire_ == nullptr) return;
        const int error = errno;
        pollfd state{fd_, POLLIN | POLLOUT, 0};
        ::poll(&state, 1, 0);
        wire_->has_input();
        wire_->has_room();
        if ((state.revents & ~POLLOUT) == 0) wire_->set_drained();
        if ((state.revents & ~POLLIN) == 0) wire_->set_full();
        errno = error;
    }
    ssize_t noted(ssize_t result) {
        note();
        return result;
    }

    const int fd_;
    SocketCalls& calls_;
    SocketLayer* const wire_ = nullptr;
    bool drained_ = false;
};

}  // namespace inout
