#include "common/os/socket_layer.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include "common/os/socket.hpp"

namespace inout {
namespace {

constexpr unsigned kSpliceFlags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;

}  // namespace

ssize_t SocketLayer::read(std::span<char> into) {
    const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
    drained_ = n < static_cast<ssize_t>(into.size());
    return n;
}

ssize_t SocketLayer::write(std::string_view data) {
    return ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
}

int SocketLayer::shut_send() { return ::shutdown(fd_, SHUT_WR); }

bool SocketLayer::is_quiet() { return !has_input(fd_); }

ssize_t SocketLayer::splice_into(int pipe, std::size_t size) {
    return ::splice(fd_, nullptr, pipe, nullptr, size, kSpliceFlags);
}

ssize_t SocketLayer::splice_from(int pipe, std::size_t size) {
    return ::splice(pipe, nullptr, fd_, nullptr, size, kSpliceFlags);
}

}  // namespace inout
