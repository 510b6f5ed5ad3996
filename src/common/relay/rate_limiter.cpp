#include "common/relay/rate_limiter.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace inout {

/// The turn of one that has waited, on its way to its thread. Told there or, if that thread ends
/// before, abandoned.
struct RateLimiter::Turn {
    Turn(Waiting& w, std::size_t b) : waiting(&w), bytes(b) {}
    Turn(Turn&& other) noexcept
        : waiting(std::exchange(other.waiting, nullptr)), bytes(other.bytes) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
        if (waiting != nullptr) waiting->abandon();
    }
    void operator()() { std::exchange(waiting, nullptr)->granted(bytes); }

    Waiting* waiting;
    std::size_t bytes;
};

RateLimiter::RateLimiter(const Executor& executor, std::uint64_t rate)
    : limited_(rate > 0),
      bucket_(std::max<std::uint64_t>(rate, 1), Clock::now()),
      timer_(executor) {}

/// What one gets at a time: so little that many have their turn soon, so much that a turn is worth
/// its cost.
std::size_t RateLimiter::quantum() const {
    if (!limited_) return kTurnBytes;
    return static_cast<std::size_t>(
        std::clamp<std::uint64_t>(bucket_.rate() / kRateTurns, kRateQuantumMin, kRateQuantumMax));
}

void RateLimiter::set_rate(std::uint64_t rate) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const bool was_limited = std::exchange(limited_, rate > 0);
    if (limited_ && was_limited) {
        bucket_.set_rate(rate, now);
    } else if (limited_) {
        bucket_ = TokenBucket(rate, now);
    }
    serve(now);
    if (first_ != nullptr) serve_later(now);
}

std::optional<std::size_t> RateLimiter::take(Waiting& waiting) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (first_ == nullptr && may_go(now)) {
        const std::size_t bytes = quantum();
        if (limited_) bucket_.spend(static_cast<std::int64_t>(bytes), now);
        return bytes;
    }
    if (!timer_runs_) serve_later(now);  // what needs memory comes first
    waiting.is_in_line_ = true;
    waiting.previous_ = last_;
    waiting.next_ = nullptr;
    (last_ != nullptr ? last_->next_ : first_) = &waiting;
    last_ = &waiting;
    return std::nullopt;
}

bool RateLimiter::leave(Waiting& waiting) {
    const std::lock_guard lock(mutex_);
    if (!waiting.is_in_line_) return false;
    unlink(waiting);
    return true;
}

void RateLimiter::unlink(Waiting& waiting) {
    (waiting.previous_ != nullptr ? waiting.previous_->next_ : first_) = waiting.next_;
    (waiting.next_ != nullptr ? waiting.next_->previous_ : last_) = waiting.previous_;
    waiting.is_in_line_ = false;
}

void RateLimiter::give_back(std::size_t bytes) {
    if (bytes == 0) return;
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    if (limited_) bucket_.spend(-static_cast<std::int64_t>(bytes), now);
    if (first_ != nullptr) serve(now);
}

void RateLimiter::charge(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (limited_) bucket_.spend(static_cast<std::int64_t>(bytes), Clock::now());
}

void RateLimiter::serve() {
    const std::lock_guard lock(mutex_);
    if (first_ == nullptr) return;
    const auto now = Clock::now();
    serve(now);
    if (first_ != nullptr && !timer_runs_) serve_later(now);
}

void RateLimiter::serve(Clock::time_point now) try {
    while (first_ != nullptr && may_go(now)) {
        Waiting& waiting = *first_;
        const std::size_t bytes = quantum();
        asio::post(waiting.executor_, Turn(waiting, bytes));
        unlink(waiting);
        if (limited_) bucket_.spend(static_cast<std::int64_t>(bytes), now);
    }
} catch (const std::bad_alloc&) {
    // It stays in line, and is served later.
}

void RateLimiter::serve_later(Clock::time_point now) {
    // Not for every few bytes: what comes meanwhile is not lost.
    timer_.expires_at(std::max(now + kRateTick, bucket_.when(quantum())));
    timer_.async_wait([self = shared_from_this()](std::error_code error) {
        if (error) return;  // it was set anew
        const std::lock_guard lock(self->mutex_);
        self->timer_runs_ = false;
        const auto at = Clock::now();
        self->serve(at);
        if (self->first_ != nullptr) self->serve_later(at);
    });
    timer_runs_ = true;
}

}  // namespace inout
