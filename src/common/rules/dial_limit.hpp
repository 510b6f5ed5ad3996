// How many dials to one proxy may run at once, found by what they meet.
//
// Thousands of TLS handshakes at once would each take longer than it may, and all would begin
// again: nothing but work for nobody. So the number begins small, grows with each success, doubling
// in the time of one dial, and after a dial that ran out of time it is halved and grows slowly
// (the idea of RFC 5681's congestion window). Pure; time is an argument. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>

#include "common/base/limits.hpp"

namespace inout {

class DialLimit {
  public:
    std::size_t now() const { return limit_; }

    /// `crowded`: others waited for this one; without them it says nothing about more.
    void succeeded(bool crowded) {
        if (!crowded || limit_ >= kDialsMax) return;
        if (limit_ >= slow_from_ && ++successes_ < limit_) return;
        successes_ = 0;
        ++limit_;
    }

    /// Those that began before the last halving say nothing new.
    void timed_out(Clock::time_point begun, Clock::time_point now) {
        if (begun < halved_at_) return;
        halved_at_ = now;
        limit_ = std::max(kDialsMin, limit_ / 2);
        slow_from_ = limit_;
        successes_ = 0;
    }

  private:
    std::size_t limit_ = kDialsFirst;
    std::size_t slow_from_ = kDialsMax;  // from here on one success for each running dial
    std::size_t successes_ = 0;
    Clock::time_point halved_at_ = Clock::time_point::min();
};

}  // namespace inout
