// How many parked data connections a registration should have, and when to ask for more.
//
// The need is the size of a burst: the streams opened in the time that a replacement takes. Not the
// streams opened until the pool is full again, for under a steady load it never is. A connection
// that comes back after its stream is only lent, and counts as one that is there; with such ones
// the need is the streams that run at once, and the minimum parked beside them. The target follows
// the need up at once and falls by a quarter after each half minute without such a burst. Time is
// an argument; no I/O. Pure; its pool locks.
#pragma once

#include <cstddef>
#include <deque>

#include "common/base/limits.hpp"

namespace inout {

class PoolPolicy {
  public:
    /// `unanswered_max`: connections that may be asked for and not yet there (kLegacyUnansweredMax
    /// for a 0.0.1 out).
    PoolPolicy(std::size_t min, std::size_t max, std::size_t unanswered_max)
        : min_(min), max_(max), unanswered_max_(unanswered_max), target_(min) {}

    /// From now on.
    void set_bounds(std::size_t min, std::size_t max);

    /// A stream wants a connection, parked or not.
    void stream_opened() { ++burst_; }
    /// A data connection of this registration arrived; `may_return`: it can be lent.
    void arrived(bool may_return = false);

    /// The stream that was opened last, or has waited, got one that may come back.
    void lent();
    /// It did. Whether to park it beside the `parked` ones; if not, it is to be closed.
    bool returned(std::size_t parked);
    /// It never will.
    void spent();

    /// How many connections to ask for now; they count as asked for until they arrive, or for
    /// kRequestExpiry. `parked` are ready, `waiting` streams are without one; each may have one
    /// that is late (kWaitingExpiry) asked for again, once. Not `may_park`: only what they need.
    std::size_t request(std::size_t parked, std::size_t waiting, Clock::time_point now,
                        bool may_park = true);

    /// Parked connections beyond the target, to be closed; also lowers the target in quiet times.
    std::size_t surplus(std::size_t parked, Clock::time_point now);

    std::size_t target() const { return target_; }
    std::size_t unanswered() const { return requested_.size(); }

  private:
    std::size_t need() const;

    std::size_t min_, max_, unanswered_max_;
    std::size_t target_;  // parked and lent
    std::size_t lent_ = 0;
    bool may_return_ = false;  // the one that arrived last
    std::size_t burst_ = 0;    // streams opened on others, whose replacement is not there
    std::size_t growing_ = 0;  // connections that are to come beside the replacements
    std::size_t peak_ = 0;     // the largest need since the target was last looked at
    Clock::time_point lower_at_{};
    std::deque<Clock::time_point> requested_;  // when each unanswered one was asked for
};

}  // namespace inout
