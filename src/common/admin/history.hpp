// History: what a program moved, opened and could not open in the last hour, in steps of
// kHistoryStep. Pure: time is an argument. One thread at a time, the admin listener's.
#pragma once

#include <cstdint>
#include <deque>

#include "common/base/limits.hpp"

namespace inout::admin {

/// What is counted since the start of the process, and only rises; or what that rose by.
struct Totals {
    std::uint64_t bytes_up = 0, bytes_down = 0, opened = 0, failed = 0;
};
/// What the counters say now.
Totals totals_now();

class History {
  public:
    struct Point {
        Milliseconds end;  ///< of its step, in the time of add()
        Totals moved;      ///< in this step
    };

    /// What the counters say at a time; the first call begins the first step. Who calls late, or
    /// has not been let for a while, still gets steps of one length: between two calls all is taken
    /// to have moved evenly, so that no step has what belongs to several.
    void add(Milliseconds now, const Totals& totals);
    /// The oldest first, at most kHistorySteps.
    const std::deque<Point>& points() const { return points_; }

  private:
    std::deque<Point> points_;
    bool has_begun_ = false;
    Milliseconds seen_at_{}, edge_{};  // the last call; the end of the last step
    Totals seen_, at_edge_;
};

}  // namespace inout::admin
