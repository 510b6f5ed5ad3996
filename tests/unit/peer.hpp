// The other side of a program's connection, played by a test: it speaks whole messages, by hand and
// at the moment that the test wants, on the thread that also runs the program's part.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "common/wire/frame.hpp"
#include "common/wire/message.hpp"
#include "loopback.hpp"

namespace inout {

/// Whether these are the two ends of one connection.
inline bool are_ends_of_one(int one, int other) {
    const auto name = [](int fd, auto get) {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        get(fd, reinterpret_cast<sockaddr*>(&address), &size);
        return std::pair(address.sin_addr.s_addr, address.sin_port);
    };
    return name(one, ::getsockname) == name(other, ::getpeername) &&
           name(one, ::getpeername) == name(other, ::getsockname);
}

/// Runs what can run without waiting.
inline void run_ready(asio::io_context& context) {
    context.restart();
    context.poll();
}

class Peer {
  public:
    /// `context` is run while the peer waits.
    Peer(asio::io_context& context, UniqueFd fd) : context_(&context), fd_(std::move(fd)) {}
    /// Waits until somebody connects to `listener`, which must not block.
    Peer(asio::io_context& context, const LoopbackListener& listener) : context_(&context) {
        EXPECT_TRUE(run_until(context, [&] {
            fd_ = listener.accept();
            return static_cast<bool>(fd_);
        })) << "nobody came";
    }

    UniqueFd& fd() { return fd_; }
    void say_bytes(std::string_view bytes) const {
        EXPECT_EQ(::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(bytes.size()));
    }
    void say(const Message& message) const { say_bytes(encode(message)); }

    /// That many bytes; fewer if the connection ended before.
    std::string hear_bytes(std::size_t count) const {
        std::string bytes(count, '\0');
        std::size_t have = 0;
        bool ended = false;
        EXPECT_TRUE(run_until(*context_, [&] {
            while (have < count && !ended) {
                const ssize_t n = ::recv(fd_.get(), bytes.data() + have, count - have, 0);
                if (n < 0 && errno == EAGAIN) return false;
                if (n > 0) have += static_cast<std::size_t>(n);
                ended = n <= 0;
            }
            return true;
        })) << "nothing came";
        bytes.resize(have);
        return bytes;
    }
    std::optional<Message> hear_any() const {
        const std::string head = hear_bytes(kFrameHeaderBytes);
        if (head.size() != kFrameHeaderBytes) return std::nullopt;
        const auto length = frame_body_length(head, kFrameBodyMaxBytes);
        if (!length) return std::nullopt;
        auto message = decode(hear_bytes(*length));
        if (!message) return std::nullopt;
        return std::move(*message);
    }
    /// The next message, which must be a T.
    template <class T>
    std::optional<T> hear() const {
        auto message = hear_any();
        if (!message || !std::holds_alternative<T>(*message)) return std::nullopt;
        return std::get<T>(std::move(*message));
    }
    /// The next T, whatever comes before it.
    template <class T>
    std::optional<T> hear_among_others() const {
        auto message = hear_any();
        while (message && !std::holds_alternative<T>(*message)) message = hear_any();
        if (!message) return std::nullopt;
        return std::get<T>(std::move(*message));
    }
    /// How the other side ended it, after what is still unread.
    End end() const {
        End end = End::none;
        run_until(*context_, [&] {
            char byte;
            ssize_t n;
            while ((n = ::recv(fd_.get(), &byte, 1, 0)) > 0) continue;
            if (n == 0) end = End::fin;
            if (n < 0 && errno != EAGAIN && errno != EINTR) end = End::rst;
            return end != End::none;
        });
        return end;
    }
    /// It is there, and has nothing to read.
    bool is_quiet() const {
        char byte;
        return ::recv(fd_.get(), &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
    }

  private:
    asio::io_context* context_;
    UniqueFd fd_;
};

/// One that accepts without blocking.
struct PollingListener : LoopbackListener {
    PollingListener() { ::fcntl(fd(), F_SETFL, O_NONBLOCK); }
};

}  // namespace inout
