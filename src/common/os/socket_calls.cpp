#include "common/os/socket_calls.hpp"

#include <fcntl.h>
#include <sys/socket.h>

namespace inout {

ssize_t SocketCalls::recv(int fd, void* buffer, std::size_t size) {
    return ::recv(fd, buffer, size, 0);
}

ssize_t SocketCalls::send(int fd, const void* data, std::size_t size) {
    return ::send(fd, data, size, MSG_NOSIGNAL);
}

ssize_t SocketCalls::splice(int from, int to, std::size_t size) {
    return ::splice(from, nullptr, to, nullptr, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
}

int SocketCalls::shutdown_send(int fd) { return ::shutdown(fd, SHUT_WR); }

SocketCalls& SocketCalls::system() {
    static SocketCalls instance;
    return instance;
}

}  // namespace inout
