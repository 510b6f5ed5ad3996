// load serve: the backend.
#include <cstdio>

#include "load/commands.hpp"
#include "load/pattern.hpp"

namespace inout::bench {
namespace {

/// One client's connection; deletes itself with its end.
class Session final : Handler {
  public:
    Session(EventLoop& loop, UniqueFd fd) : loop_(loop), fd_(std::move(fd)) {
        loop_.add(fd_.get(), EPOLLIN, *this);
    }

  private:
    void ready(std::uint32_t events) override {
        bool open = true;
        try {
            if (events & EPOLLOUT) open = write();
            if (open && events & ~static_cast<std::uint32_t>(EPOLLOUT)) open = read();
        } catch (const std::exception& e) {
            std::fprintf(stderr, "load serve: %s\n", e.what());
            open = false;
            close_with_reset(fd_);
        }
        if (!open) delete this;
    }

    /// False at the end. The first byte says what is wanted.
    bool read() {
        if (mode_ == 'D' || mode_ == 'G' || mode_ == 'B') return discard();
        char buffer[65'536];
        ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n <= 0) return n < 0 && errno == EAGAIN;
        const char* data = buffer;
        if (mode_ == 0) {
            mode_ = *data++;
            if (--n == 0 && mode_ == 'E') return true;
        }
        const auto size = static_cast<std::size_t>(n);
        switch (mode_) {
            case 'E': return echo(data, size);
            case 'A': return echo(pattern(0), kAnswerBytes);
            case 'G':
            case 'B': loop_.change(fd_.get(), EPOLLIN | EPOLLOUT, *this); [[fallthrough]];
            case 'D': reader_.take(data, size); return true;
            default: throw std::runtime_error("a connection's first byte is none of E, D, G, B, A");
        }
    }

    bool write() {
        if (mode_ != 'E' && mode_ != 'A') return writer_.write(fd_.get());
        const std::string unsent = std::exchange(unsent_, {});
        loop_.change(fd_.get(), EPOLLIN, *this);
        return echo(unsent.data(), unsent.size());
    }

    /// Reads no more while the client does not.
    bool echo(const char* data, std::size_t size) {
        ssize_t n = ::send(fd_.get(), data, size, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return false;
        n = std::max<ssize_t>(n, 0);
        if (static_cast<std::size_t>(n) < size) {
            unsent_.assign(data + n, data + size);
            loop_.change(fd_.get(), EPOLLOUT, *this);
        } else if (mode_ == 'A') {
            ::shutdown(fd_.get(), SHUT_WR);
        }
        return true;
    }

    bool discard() {
        const ssize_t n = reader_.read(fd_.get());
        if (n < 0) return errno == EAGAIN;
        if (n == 0 && mode_ == 'D') {
            char count[8];
            for (int i = 0; i < 8; ++i) count[i] = static_cast<char>(reader_.bytes() >> 8 * i);
            ::send(fd_.get(), count, sizeof count, MSG_NOSIGNAL);
        }
        return n > 0;
    }

    EventLoop& loop_;
    UniqueFd fd_;
    char mode_ = 0;
    PatternReader reader_;
    PatternWriter writer_;
    std::string unsent_;  // of an echo
};

class Listener final : Handler {
  public:
    Listener(EventLoop& loop, const sockaddr_in& address) : loop_(loop), fd_(listen_on(address)) {
        loop_.add(fd_.get(), EPOLLIN, *this);
    }

    int port() const {
        sockaddr_in address{};
        socklen_t size = sizeof address;
        check(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size),
              "getsockname");
        return ntohs(address.sin_port);
    }

  private:
    void ready(std::uint32_t) override {
        while (true) {
            UniqueFd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
            if (fd) {
                new Session(loop_, std::move(fd));
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != ECONNABORTED) {
                fail("accept");
            }
        }
    }

    EventLoop& loop_;
    UniqueFd fd_;
};

}  // namespace

void serve(const sockaddr_in& address) {
    EventLoop loop;
    Listener listener(loop, address);
    std::printf("listening %d\n", listener.port());
    std::fflush(stdout);
    while (true) loop.turn(Clock::now() + std::chrono::hours(1));
}

}  // namespace inout::bench
