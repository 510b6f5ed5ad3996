// load bulk: how many bytes go through in a given time.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "load/commands.hpp"
#include "load/pattern.hpp"

namespace inout::bench {
namespace {

class Transfer final : Handler {
  public:
    Transfer(EventLoop& loop, const sockaddr_in& address, Direction direction)
        : loop_(loop), direction_(direction), fd_(start_connect(address)) {
        loop_.add(fd_.get(), EPOLLIN | EPOLLOUT, *this);
    }

    /// Sends FIN. The peer's follows when it has had all and sent all.
    void end() {
        if (!greeted_) throw std::runtime_error("a connection was not up in time");
        check(::shutdown(fd_.get(), SHUT_WR), "shutdown");
        loop_.change(fd_.get(), EPOLLIN, *this);
        ending_ = true;
    }

    bool ended() const { return !fd_; }
    /// Meaningful after the peer's end only, which says that all of it has arrived.
    std::uint64_t bytes() const { return reader_.bytes() + writer_.bytes(); }

  private:
    void ready(std::uint32_t events) override {
        if (events & EPOLLOUT && !ending_) write();
        if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) read();
    }

    void write() {
        if (greeted_) {
            if (!writer_.write(fd_.get())) fail("send");
            return;
        }
        const char mode = direction_ == Direction::up     ? 'D'
                          : direction_ == Direction::down ? 'G'
                                                          : 'B';
        if (::send(fd_.get(), &mode, 1, MSG_NOSIGNAL) != 1) fail("send");
        greeted_ = true;
        if (direction_ == Direction::down) loop_.change(fd_.get(), EPOLLIN, *this);
    }

    void read() {
        const ssize_t n = direction_ == Direction::up ? read_count() : reader_.read(fd_.get());
        if (n < 0 && errno != EAGAIN) fail("recv");
        if (n != 0) return;
        if (!ending_) throw std::runtime_error("a connection ended before its client");
        if (direction_ == Direction::up && arrived_ != writer_.bytes()) {
            throw std::runtime_error(std::to_string(writer_.bytes()) + " bytes sent, " +
                                     std::to_string(arrived_) + " arrived");
        }
        fd_.reset();
    }

    /// As recv(2); the backend's count of bytes, little-endian, perhaps in pieces.
    ssize_t read_count() {
        unsigned char bytes[8];
        const ssize_t n = ::recv(fd_.get(), bytes, sizeof bytes, 0);
        for (ssize_t i = 0; i < n; ++i) {
            arrived_ = arrived_ >> 8 | static_cast<std::uint64_t>(bytes[i]) << 56;
        }
        return n;
    }

    EventLoop& loop_;
    Direction direction_;
    UniqueFd fd_;
    bool greeted_ = false, ending_ = false;
    PatternWriter writer_;
    PatternReader reader_;
    std::uint64_t arrived_ = 0;  // up: what the backend says
};

}  // namespace

void bulk(const sockaddr_in& address, int connections, Seconds time, Direction direction) {
    EventLoop loop;
    const auto start = Clock::now();
    std::vector<std::unique_ptr<Transfer>> transfers;
    for (int i = 0; i < connections; ++i) {
        transfers.push_back(std::make_unique<Transfer>(loop, address, direction));
    }
    loop.run_for(time);

    for (auto& transfer : transfers) transfer->end();
    const auto all_ended = [&] {
        return std::all_of(transfers.begin(), transfers.end(), [](auto& t) { return t->ended(); });
    };
    loop.run_until(all_ended, "the ends of the transfers");
    const double seconds = Seconds(Clock::now() - start).count();

    std::uint64_t bytes = 0;
    for (const auto& transfer : transfers) bytes += transfer->bytes();
    std::printf(R"({"gbit_per_s":%.4f,"bytes":%ju,"seconds":%.4f})"
                "\n",
                static_cast<double>(bytes) * 8e-9 / seconds, static_cast<std::uintmax_t>(bytes),
                seconds);
}

}  // namespace inout::bench
