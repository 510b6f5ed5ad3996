#include <algorithm>
#include <cerrno>
#include <system_error>

#include "common/net/dial.hpp"
#include "common/os/socket_file.hpp"

namespace inout {
namespace {

/// Between two tries where the queue is full: short for who waits, long for the processor.
constexpr Milliseconds kQueueFullPause{10};

DialError unix_failure(const std::string& path, int error) {
    const std::string place = "unix:" + path + ": ";
    const std::string words = std::generic_category().message(error);
    switch (error) {
        case EMFILE:
        case ENFILE:
            return {DialError::Kind::lack, place + "no file descriptors left here (" + words + ")"};
        case ENOBUFS:
        case ENOMEM: return {DialError::Kind::lack, place + "no memory left here"};
        case ENOENT: return {DialError::Kind::refused, place + "there is no such socket"};
        case EACCES:
        case EPERM:
            return {
                DialError::Kind::refused,
                place + "permission denied: its owner must let this program's user write to it"};
        case ECONNREFUSED: return {DialError::Kind::refused, place + "nobody listens there"};
        case EPROTOTYPE:
            return {DialError::Kind::refused, place + "is no stream socket (" + words + ")"};
        case EAGAIN: return {DialError::Kind::timeout, place + "its queue is full, nobody accepts"};
        default: return {DialError::Kind::refused, place + words};
    }
}

}  // namespace

Task<Result<ConnectionPtr, DialError>> dial_unix(Executor executor, std::string path,
                                                 Milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    while (true) {
        UniqueFd fd = connect_to_socket(path);
        if (fd) {
            co_return std::make_shared<Connection>(executor, std::move(fd), Endpoint(),
                                                   Connection::Origin::local);
        }
        const int error = errno;
        const auto now = Clock::now();
        if (error != EAGAIN || now >= deadline) co_return Failure{unix_failure(path, error)};
        Timer pause(executor);
        pause.expires_at(std::min(now + kQueueFullPause, deadline));
        co_await pause.async_wait(use_result);
    }
}

}  // namespace inout
