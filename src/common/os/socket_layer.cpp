#include "common/os/socket_layer.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/os/socket.hpp"

namespace inout {
namespace {

constexpr unsigned kSpliceFlags = SPLICE_F_NONBLOCK | SPLICE_F_MOVE;

}  // namespace

ssize_t SocketLayer::read(std::span<char> into) {
    const ssize_t n = ::recv(fd_, into.data(), into.size(), 0);
    // Urgent data cuts a read short with more behind it (tcp(7), recv(2)).
    drained_ = n < 0 ? errno == EAGAIN
                     : static_cast<std::size_t>(n) < into.size() && !urgent_ && !in_pieces_;
    return n;
}

ssize_t SocketLayer::write(std::string_view data) {
    return told(::send(fd_, data.data(), data.size(), MSG_NOSIGNAL));
}

/// Notes whether a write has met a full socket.
ssize_t SocketLayer::told(ssize_t written) {
    full_ = written < 0 && errno == EAGAIN;
    return written;
}

int SocketLayer::shut_send() { return ::shutdown(fd_, SHUT_WR); }

bool SocketLayer::is_quiet() {
    drained_ = !inout::has_input(fd_);
    return drained_;
}

ssize_t SocketLayer::splice_into(int pipe, std::size_t size) {
    const ssize_t n = ::splice(fd_, nullptr, pipe, nullptr, size, kSpliceFlags);
    drained_ = n < 0 && errno == EAGAIN;
    return n;
}

ssize_t SocketLayer::splice_from(int pipe, std::size_t size) {
    return told(::splice(pipe, nullptr, fd_, nullptr, size, kSpliceFlags));
}

}  // namespace inout
