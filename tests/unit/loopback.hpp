// Real TCP over loopback for tests, without fixed sleeps: whatever takes a moment is waited for.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "common/net/connection.hpp"
#include "common/os/unique_fd.hpp"
#include "common/relay/peer_watch.hpp"

namespace inout {

/// How long a test waits for what must happen.
inline constexpr std::chrono::seconds kPatience{20};

/// Does `meanwhile` until `condition` holds; false if it never does.
template <class Meanwhile>
bool until(const std::function<bool()>& condition, Meanwhile meanwhile) {
    const auto give_up_at = Clock::now() + kPatience;
    while (!condition()) {
        if (Clock::now() >= give_up_at) return false;
        meanwhile();
    }
    return true;
}

/// Waits for what is the kernel's work, not asio's.
inline bool eventually(const std::function<bool()>& condition) {
    return until(condition, [] { ::poll(nullptr, 0, 1); });  // lets others run
}

/// The same without a pause: for calls that say "not now" at every turn.
inline bool soon(const std::function<bool()>& condition) {
    return until(condition, [] { ::sched_yield(); });
}

/// Runs `context` until `condition` holds; false if it never does.
inline bool run_until(asio::io_context& context, const std::function<bool()>& condition) {
    return until(condition, [&] {
        context.restart();
        context.run_one_for(Milliseconds{1});
    });
}

/// Runs `context` until `task` has ended and returns its result; nothing if it never does.
template <class T>
std::optional<T> run(asio::io_context& context, Task<T> task) {
    struct State {
        std::optional<T> result;
        bool ended = false;
    };
    const auto state = std::make_shared<State>();
    const auto store = [](Task<T> inner, std::shared_ptr<State> into) -> Task<> {
        into->result.emplace(co_await std::move(inner));
    };
    asio::co_spawn(context, store(std::move(task), state),
                   [state](const std::exception_ptr& error) {
                       state->ended = true;
                       EXPECT_FALSE(error) << "the task threw";
                   });
    EXPECT_TRUE(run_until(context, [&] { return state->ended; })) << "the task did not end";
    return std::move(state->result);
}

/// A listening socket on a loopback port of the kernel's choice.
class LoopbackListener {
  public:
    explicit LoopbackListener(int backlog = 128, std::uint32_t address = INADDR_LOOPBACK,
                              std::uint16_t port = 0)
        : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int yes = 1;
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        sockaddr_in wanted{};
        wanted.sin_family = AF_INET;
        wanted.sin_addr.s_addr = htonl(address);
        wanted.sin_port = htons(port);
        EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&wanted), sizeof wanted), 0);
        EXPECT_EQ(::listen(fd_.get(), backlog), 0);
        socklen_t size = sizeof address_;
        ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address_), &size);
    }

    int fd() const { return fd_.get(); }
    std::uint16_t port() const { return ntohs(address_.sin_port); }

    /// A connection of our own to it; not waited for if `blocking` is false.
    UniqueFd connect(bool blocking = true) const {
        UniqueFd fd(
            ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0));
        const int result =
            ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
        EXPECT_TRUE(result == 0 || (!blocking && errno == EINPROGRESS));
        ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
        return fd;
    }
    /// Waits for a connection.
    UniqueFd accept() const {
        return UniqueFd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    }

  private:
    UniqueFd fd_;
    sockaddr_in address_{};
};

/// Two ends of one connection, not blocking.
struct TcpPair {
    TcpPair() {
        const LoopbackListener listener;
        a = listener.connect();
        b = listener.accept();
    }
    UniqueFd a, b;
};

/// Gives `fd` the connection options; its peer's address.
inline Endpoint prepare(const UniqueFd& fd) {
    set_connection_options(fd.get());
    Endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    ::getpeername(fd.get(), peer.data(), &size);
    peer.resize(size);
    return peer;
}
/// One end as the programs hold it, in `context`; to be kept here, or to be given on.
inline Connection adopt(asio::io_context& context, UniqueFd fd) {
    const Endpoint peer = prepare(fd);
    return {context.get_executor(), std::move(fd), peer, Connection::Origin::dialled};
}
inline ConnectionPtr adopt_owned(asio::io_context& context, UniqueFd fd) {
    const Endpoint peer = prepare(fd);
    return std::make_shared<Connection>(context.get_executor(), std::move(fd), peer,
                                        Connection::Origin::dialled);
}

/// Sends until the kernel takes no more; the number of bytes.
inline std::size_t fill(int fd) {
    static constexpr std::array<char, 65'536> kZeros{};
    std::size_t total = 0;
    // The kernel moves bytes on to the peer's buffer for a moment after it said "full", and an
    // acknowledgement that is late (40 ms, tcp(7), TCP_QUICKACK) makes room for more.
    for (int full = 0, tries = 0; full < 20 && tries < 2'000; ++tries) {
        const ssize_t n = ::send(fd, kZeros.data(), kZeros.size(), MSG_NOSIGNAL);
        if (n > 0) {
            total += static_cast<std::size_t>(n);
            full = 0;
        } else {
            full = sample_tcp(fd).unacked > 0 ? 0 : full + 1;
            ::poll(nullptr, 0, 1);
        }
    }
    return total;
}

/// Reads and forgets up to `size` bytes; how many came before an end, an error or our patience.
inline std::size_t drain(int fd, std::size_t size) {
    std::array<char, 65'536> buffer;
    std::size_t total = 0;
    eventually([&] {
        const ssize_t n = ::recv(fd, buffer.data(), std::min(buffer.size(), size - total), 0);
        if (n > 0) total += static_cast<std::size_t>(n);
        return total == size || n == 0 || (n < 0 && errno != EAGAIN);
    });
    return total;
}

/// Closes with RST.
inline void reset(UniqueFd& fd) {
    const linger now{1, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd.reset();
}

/// How a connection ended for its reader: everything before that is skipped.
enum class End { none, fin, rst };
inline End end_of(int fd) {
    std::array<char, 65'536> buffer;
    End end = End::none;
    eventually([&] {
        const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (n == 0) end = End::fin;
        if (n < 0 && errno != EAGAIN && errno != EINTR) end = End::rst;
        return end != End::none;
    });
    return end;
}

}  // namespace inout
