// RateLimiter: one rate, in one direction, shared by all streams of a network or of a key.
//
// A stream's direction asks before it reads. While there is enough and nobody waits it goes on at
// once; otherwise it waits in line, and each gets a quantum in its turn, so that all have the same
// share however much they want, and nobody's share is wasted on who wants nothing. A timer serves
// the line: only whose turn has come is woken, on its own thread. Thread-safe; shared by those who
// ask it. Its timer runs on the event loop that it was made for, which must outlive them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "common/net/asio.hpp"
#include "common/rules/token_bucket.hpp"

namespace inout {

class RateLimiter : public std::enable_shared_from_this<RateLimiter> {
  public:
    /// One that asks, and can wait in one line at a time.
    class Waiting {
      public:
        explicit Waiting(const Executor& executor) : executor_(executor) {}
        Waiting(const Waiting&) = delete;
        Waiting& operator=(const Waiting&) = delete;
        /// Its turn has come: it may move so many bytes. On its executor.
        virtual void granted(std::size_t bytes) = 0;
        /// Its event loop ends before that.
        virtual void abandon() = 0;

      protected:
        virtual ~Waiting() = default;

      private:
        friend class RateLimiter;
        const Executor executor_;
        // Under the limiter's lock.
        Waiting *next_ = nullptr, *previous_ = nullptr;
        bool is_in_line_ = false;
    };

    /// Bytes per second; 0: there is no limit.
    RateLimiter(const Executor& executor, std::uint64_t rate);
    RateLimiter(const RateLimiter&) = delete;
    RateLimiter& operator=(const RateLimiter&) = delete;

    void set_rate(std::uint64_t rate);

    /// How many bytes may be moved now; give_back() what was not. Nothing: it waits in line and is
    /// told, or leaves; until then it must live.
    std::optional<std::size_t> take(Waiting& waiting);
    /// False: it is not in line any more, but is still to be told.
    bool leave(Waiting& waiting);
    void give_back(std::size_t bytes);
    /// These were moved without asking: those that come pay for it.
    void charge(std::size_t bytes);
    /// To be called now and then by who waits: where memory ran out nobody else may do so.
    void serve();

  private:
    struct Turn;

    // Under the lock.
    void serve(Clock::time_point now);
    void serve_later(Clock::time_point now);
    std::size_t quantum() const;
    bool may_go(Clock::time_point now) const { return !limited_ || bucket_.has(quantum(), now); }
    void unlink(Waiting& waiting);

    std::mutex mutex_;
    bool limited_;
    TokenBucket bucket_;
    Waiting *first_ = nullptr, *last_ = nullptr;
    bool timer_runs_ = false;
    Timer timer_;
};

}  // namespace inout
