// The queue of dials to one proxy: so many run at once as the proxy bears (rules/dial_limit).
//
// Control connections have their turn first, then streams, then connections that are kept for
// later; each fourth turn is the longest waiting one's, so that none starves. A wait ends with its
// deadline, or early when the proxy turns out to be silent. Any thread; waits on the caller's.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/result.hpp"
#include "common/net/asio.hpp"
#include "common/rules/dial_limit.hpp"

namespace inout {

/// What a dial is for, the most urgent first.
enum class DialFor { control, stream, spare };

class DialQueue {
  public:
    /// A running dial; its end lets the next one begin.
    class Turn {
      public:
        explicit Turn(DialQueue& queue) : queue_(&queue) {}
        Turn(Turn&& other) noexcept
            : queue_(std::exchange(other.queue_, nullptr)), begun_(other.begun_) {}
        Turn& operator=(Turn&&) = delete;
        ~Turn();
        void succeeded() { end_ = End::success; }
        void timed_out() { end_ = End::time_out; }

      private:
        friend class DialQueue;
        enum class End { other, success, time_out };
        DialQueue* queue_;
        Clock::time_point begun_ = Clock::now();
        End end_ = End::other;
    };

    DialQueue() = default;
    DialQueue(const DialQueue&) = delete;
    DialQueue& operator=(const DialQueue&) = delete;

    /// Waits for a turn until `deadline`. Once the wait has taken `patience` it also ends when
    /// another dial runs out of time and none has succeeded meanwhile: the proxy is silent. The
    /// failure says why there was none.
    Task<Result<Turn, std::string>> turn(Executor executor, DialFor what,
                                         Clock::time_point deadline, Milliseconds patience);

  private:
    struct Waiter {
        explicit Waiter(const Executor& executor) : timer(executor) {}
        enum class State { waiting, admitted, given_up };
        State state = State::waiting;
        const Clock::time_point arrived = Clock::now();
        Clock::time_point patient_until{};
        Timer timer;  // condition variable and deadline
    };
    using Line = std::list<std::shared_ptr<Waiter>>;

    class Stay;

    void leave(Line& line, const std::shared_ptr<Waiter>& waiter);
    void ended(const Turn& turn);
    void admit_next();
    Line& next_line();
    std::size_t waiting() const;
    static void wake(const std::shared_ptr<Waiter>& waiter, Waiter::State state) noexcept;

    std::mutex mutex_;
    DialLimit limit_;
    std::size_t running_ = 0;
    std::array<Line, 3> lines_;  // by DialFor
    unsigned turns_ = 0;
    Clock::time_point last_success_{};
};

}  // namespace inout
