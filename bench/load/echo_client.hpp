// EchoClient: a connection to a backend that echoes, with one message in flight.
//
// It checks that what comes back is what was sent; any other end than the expected one throws.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "load/event_loop.hpp"
#include "load/pattern.hpp"

namespace inout::bench {

/// A message fits every socket's send buffer, so a write takes it whole.
inline constexpr int kMessageMaxBytes = 16'384;

class EchoClient final : Handler {
  public:
    EchoClient(EventLoop& loop, const sockaddr_in& address, std::size_t message_bytes = 1)
        : loop_(loop), address_(address), message_bytes_(message_bytes) {}

    /// Called when the whole message is back, and when the peer ended after end().
    std::function<void()> on_reply, on_end;

    /// Connects, and sends the first message with the `E` that makes the backend echo.
    void open() {
        sent_at_ = Clock::now();
        fd_ = start_connect(address_);
        greeted_ = ending_ = false;
        loop_.add(fd_.get(), greet() ? EPOLLIN : EPOLLIN | EPOLLOUT, *this);
    }

    void send() {
        sent_at_ = Clock::now();
        received_ = 0;
        write(pattern(0), message_bytes_);
    }

    /// Since open() or send().
    Clock::duration latency() const { return Clock::now() - sent_at_; }

    /// Sends FIN; on_end follows when the peer's has come.
    void end() {
        ending_ = true;
        check(::shutdown(fd_.get(), SHUT_WR), "shutdown");
    }

    /// Ends at once with an RST; nothing follows.
    void reset() { close_with_reset(fd_); }

  private:
    void ready(std::uint32_t events) override {
        if (!greeted_ && events & EPOLLOUT && greet()) loop_.change(fd_.get(), EPOLLIN, *this);
        if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) read();
    }

    /// False if the connection is not yet there.
    bool greet() {
        received_ = 0;
        char first[1 + kMessageMaxBytes] = {'E'};
        std::memcpy(first + 1, pattern(0), message_bytes_);
        return greeted_ = write(first, 1 + message_bytes_);
    }

    bool write(const char* data, std::size_t size) {
        const ssize_t n = ::send(fd_.get(), data, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN && !greeted_) return false;
        if (n != static_cast<ssize_t>(size)) fail("send");
        return true;
    }

    void read() {
        char buffer[kMessageMaxBytes + 1];  // one more than may come
        const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n < 0) {
            if (errno == EAGAIN) return;
            fail("recv");
        }
        if (n == 0) {
            if (!ending_) throw std::runtime_error("a connection ended before its client");
            fd_.reset();
            return on_end();
        }
        const auto size = static_cast<std::size_t>(n);
        if (received_ + size > message_bytes_ || std::memcmp(buffer, pattern(received_), size)) {
            throw std::runtime_error("the echo differs from what was sent");
        }
        received_ += size;
        if (received_ == message_bytes_) on_reply();
    }

    EventLoop& loop_;
    sockaddr_in address_;
    std::size_t message_bytes_;
    UniqueFd fd_;
    bool greeted_ = false, ending_ = false;
    std::size_t received_ = 0;  // of the message in flight
    Clock::time_point sent_at_;
};

using EchoClients = std::vector<std::unique_ptr<EchoClient>>;

inline EchoClients make_clients(EventLoop& loop, const sockaddr_in& address, std::size_t count,
                                std::size_t message_bytes = 1) {
    EchoClients clients;
    for (std::size_t i = 0; i < count; ++i) {
        clients.push_back(std::make_unique<EchoClient>(loop, address, message_bytes));
    }
    return clients;
}

/// Opens all, a few at a time, and returns when each has had one echo.
inline void open_all(EventLoop& loop, EchoClients& clients) {
    constexpr std::size_t kAtOnce = 32;
    std::size_t opened = 0, proven = 0;
    const auto open_next = [&] {
        if (opened < clients.size()) clients[opened++]->open();
    };
    for (auto& client : clients) {
        client->on_reply = [&] {
            ++proven;
            open_next();
        };
    }
    while (opened < std::min(kAtOnce, clients.size())) open_next();
    loop.run_until([&] { return proven == clients.size(); }, "opening connections");
}

/// Ends all, cleanly; nothing may be in flight.
inline void end_all(EventLoop& loop, EchoClients& clients) {
    std::size_t left = clients.size();
    for (auto& client : clients) {
        client->on_end = [&left] { --left; };
        client->end();
    }
    loop.run_until([&] { return left == 0; }, "ending connections");
}

}  // namespace inout::bench
