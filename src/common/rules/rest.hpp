// When one that failed may be chosen again: a server, a backend, an out. Time is an argument. Pure;
// its owner locks.
#pragma once

#include <algorithm>

#include "common/base/limits.hpp"

namespace inout {

struct RestRule {
    /// So many failures within `fail_timeout` begin a rest; at least 1.
    unsigned failures = 1;
    /// The first rest lasts as long, each further one twice as long as the one before. 0: none.
    Milliseconds fail_timeout{10'000};
    static constexpr Milliseconds kMax{300'000};

    bool operator==(const RestRule&) const = default;
};

class Rest {
  public:
    explicit Rest(const RestRule& rule = {}) : rule_(rule) {}

    /// True: a rest begins. What fails during one does not prolong it, because many may have been
    /// under way when it began; what fails behind it begins the next one at once.
    bool failed(Clock::time_point now) {
        if (rule_.fail_timeout.count() == 0 || is_resting(now)) return false;
        if (length_.count() > 0) {
            length_ = std::min(length_ * 2, std::max(RestRule::kMax, rule_.fail_timeout));
        } else {
            if (failures_ == 0 || now - first_ >= rule_.fail_timeout) {
                failures_ = 0;
                first_ = now;
            }
            if (++failures_ < rule_.failures) return false;
            length_ = rule_.fail_timeout;
        }
        until_ = now + length_;
        return true;
    }
    /// It works. True: that ends a rest, or is the first success behind one.
    bool succeeded() {
        const bool was_away = length_.count() > 0;
        *this = Rest(rule_);
        return was_away;
    }
    bool is_resting(Clock::time_point now) const { return now < until_; }
    /// It has rested and has not worked since.
    bool is_in_doubt() const { return length_.count() > 0; }
    /// The end of its newest rest; of one that is not in doubt, long ago.
    Clock::time_point until() const { return until_; }

  private:
    RestRule rule_;
    unsigned failures_ = 0;
    Clock::time_point first_{};  // of these failures
    Milliseconds length_{0};     // of its newest rest; 0: it works, as far as is known
    Clock::time_point until_ = Clock::time_point::min();
};

}  // namespace inout
