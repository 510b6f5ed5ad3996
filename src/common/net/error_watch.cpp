#include "common/net/error_watch.hpp"

#include <sys/socket.h>

namespace inout {

ErrorWatch::ErrorWatch(Connection& connection)
    : watch_(std::make_shared<Watch>(Watch{&connection})) {
    connection.socket().async_wait(Socket::wait_error, [watch = watch_](std::error_code error) {
        if (error || watch->connection == nullptr) return;
        int cause = 0;
        socklen_t size = sizeof cause;
        ::getsockopt(watch->connection->fd(), SOL_SOCKET, SO_ERROR, &cause, &size);
        watch->fired = cause != 0;  // otherwise urgent data: not an error, and not watched further
    });
}

void ErrorWatch::stop() {
    if (watch_->connection == nullptr) return;
    std::error_code ignored;
    if (watch_->connection->is_open()) watch_->connection->socket().cancel(ignored);
    watch_->connection = nullptr;
}

}  // namespace inout
