// TokenBucket: how many bytes may be moved now, so that in the long run a rate is kept.
//
// It fills at the rate up to a burst, and may be overdrawn: what was moved already is paid back
// first. It remembers the moment at which it was empty, or will be, so that nothing is rounded away
// however often it is asked. Time is an argument. Pure; whoever has one guards it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "common/base/limits.hpp"

namespace inout {

class TokenBucket {
  public:
    /// Bytes per second, at least 1. Full at `now`.
    TokenBucket(std::uint64_t rate, Clock::time_point now) : rate_(rate), empty_at_(now) {
        empty_at_ -= to_fill();
    }

    /// What it can hold: what comes in 20 ms, and at least one read.
    std::uint64_t burst() const { return std::max<std::uint64_t>(kCopyBytes, rate_ / 50); }
    std::uint64_t rate() const { return rate_; }
    /// From now on; what is there stays, up to the new burst.
    void set_rate(std::uint64_t rate, Clock::time_point now) {
        const std::int64_t level = this->level(now);
        rate_ = rate;
        left_over_ = 0;
        empty_at_ = level < 0 ? now + time_of(static_cast<std::uint64_t>(-level))
                              : now - time_of(std::min<std::uint64_t>(
                                          static_cast<std::uint64_t>(level), burst()));
    }

    /// Whether so many bytes, at most a burst, may be moved now.
    bool has(std::uint64_t bytes, Clock::time_point now) const { return now >= when(bytes); }
    /// When it has so many.
    Clock::time_point when(std::uint64_t bytes) const { return empty_at_ + time_of(bytes); }
    /// Takes them, whether it has them or not; negative: gives them back.
    /// At most a gigabyte at a time.
    void spend(std::int64_t bytes, Clock::time_point now) {
        empty_at_ = std::max(empty_at_, now - to_fill());
        const auto rate = static_cast<std::int64_t>(rate_);
        left_over_ += bytes % rate * kSecond;
        empty_at_ += std::chrono::seconds(bytes / rate) + Nanoseconds(left_over_ / rate);
        left_over_ %= rate;
    }

  private:
    using Nanoseconds = std::chrono::nanoseconds;
    static constexpr std::int64_t kSecond = 1'000'000'000;

    Clock::duration to_fill() const { return time_of(burst()); }
    /// Rounded up.
    Clock::duration time_of(std::uint64_t bytes) const {
        const std::uint64_t rest = bytes % rate_ * std::uint64_t{kSecond};
        return std::chrono::seconds(bytes / rate_) + Nanoseconds((rest + rate_ - 1) / rate_);
    }
    /// Below zero: overdrawn.
    std::int64_t level(Clock::time_point now) const {
        const Clock::duration since = std::min(now - empty_at_, to_fill());
        const std::int64_t nanoseconds = std::chrono::duration_cast<Nanoseconds>(since).count();
        const auto rate = static_cast<std::int64_t>(rate_);
        return nanoseconds / kSecond * rate +
               static_cast<std::int64_t>(static_cast<double>(nanoseconds % kSecond) *
                                         static_cast<double>(rate) / kSecond);
    }

    std::uint64_t rate_;
    Clock::time_point empty_at_;
    std::int64_t left_over_ = 0;  // of what was spent: less than a nanosecond
};

}  // namespace inout
