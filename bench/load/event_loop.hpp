// EventLoop: level-triggered epoll for one thread, and how long to stay in it.
//
// Level-triggered, so that one read or write for each event is fair to thousands of connections
// without a list of those that have more to do.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cmath>
#include <string>

#include "load/sockets.hpp"

namespace inout::bench {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

/// Every wait for a peer ends after this: a benchmark that hangs measures nothing.
inline constexpr Seconds kPatience{30};

/// What is told of events. Must stay until its descriptor is closed, or the loop is.
class Handler {
  public:
    virtual void ready(std::uint32_t events) = 0;

  protected:
    ~Handler() = default;
};

class EventLoop {
  public:
    void add(int fd, std::uint32_t events, Handler& handler) {
        control(EPOLL_CTL_ADD, fd, events, handler);
    }
    void change(int fd, std::uint32_t events, Handler& handler) {
        control(EPOLL_CTL_MOD, fd, events, handler);
    }

    /// Waits for events until `end` and hands them out. A handler may delete itself, not others.
    void turn(Clock::time_point end) {
        const auto left_ms = Seconds(end - Clock::now()).count() * 1'000;
        const int timeout_ms = left_ms <= 0 ? 0 : static_cast<int>(std::ceil(left_ms));
        const int count = ::epoll_wait(epoll_.get(), events_.data(),
                                       static_cast<int>(events_.size()), timeout_ms);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; ++i) {
            const epoll_event& event = events_[static_cast<std::size_t>(i)];
            static_cast<Handler*>(event.data.ptr)->ready(event.events);
        }
    }

    void run_for(Seconds time) {
        const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(time);
        while (Clock::now() < end) turn(end);
    }

    /// Throws if `done` does not become true within kPatience.
    template <class Condition>
    void run_until(Condition done, const std::string& what) {
        const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(kPatience);
        while (!done()) {
            if (Clock::now() >= end) throw std::runtime_error("timed out: " + what);
            turn(end);
        }
    }

  private:
    void control(int operation, int fd, std::uint32_t events, Handler& handler) {
        epoll_event event{.events = events, .data = {.ptr = &handler}};
        check(::epoll_ctl(epoll_.get(), operation, fd, &event), "epoll_ctl");
    }

    UniqueFd epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
    std::array<epoll_event, 256> events_;
};

}  // namespace inout::bench
