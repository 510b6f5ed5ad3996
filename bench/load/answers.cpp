// load answers: how long a client waits for a whole answer, such as a page.
#include <cstdio>
#include <string>

#include "load/commands.hpp"
#include "load/pattern.hpp"

namespace inout::bench {
namespace {

/// One client after another: asks with one byte and reads to the end of the answer.
class Asker final : Handler {
  public:
    Asker(EventLoop& loop, const sockaddr_in& address)
        : loop_(loop), began_(Clock::now()), fd_(start_connect(address)) {
        loop_.add(fd_.get(), EPOLLIN | EPOLLOUT, *this);
    }
    bool is_over() const { return !fd_; }
    /// From the connect to the last byte.
    Clock::duration time() const { return last_byte_ - began_; }

  private:
    void ready(std::uint32_t events) override {
        if (!asked_ && events & EPOLLOUT) {
            if (::send(fd_.get(), "A", 1, MSG_NOSIGNAL) != 1) fail("send");
            asked_ = true;
            loop_.change(fd_.get(), EPOLLIN, *this);
        }
        if (events & ~static_cast<std::uint32_t>(EPOLLOUT)) read();
    }

    void read() {
        char buffer[65'536];
        const ssize_t n = ::recv(fd_.get(), buffer, sizeof buffer, 0);
        if (n < 0 && errno != EAGAIN) fail("recv");
        if (n > 0) {
            reader_.take(buffer, static_cast<std::size_t>(n));
            last_byte_ = Clock::now();
        }
        if (n != 0) return;
        if (reader_.bytes() != kAnswerBytes) {
            throw std::runtime_error("an answer of " + std::to_string(reader_.bytes()) + " bytes");
        }
        fd_.reset();
    }

    EventLoop& loop_;
    const Clock::time_point began_;
    UniqueFd fd_;
    bool asked_ = false;
    PatternReader reader_;
    Clock::time_point last_byte_;
};

}  // namespace

void answers(const sockaddr_in& address, int rounds, int pause_ms) {
    EventLoop loop;
    std::string figures;
    for (int round = 0; round < rounds; ++round) {
        if (round > 0) loop.run_for(std::chrono::milliseconds(pause_ms));
        const Asker asker(loop, address);
        loop.run_until([&] { return asker.is_over(); }, "an answer");
        char figure[32];
        std::snprintf(figure, sizeof figure, "%s%.2f", round > 0 ? "," : "",
                      Seconds(asker.time()).count() * 1'000);
        figures += figure;
    }
    std::printf("{\"ms\":[%s]}\n", figures.c_str());
}

}  // namespace inout::bench
