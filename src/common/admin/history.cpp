#include "common/admin/history.hpp"

#include <algorithm>
#include <functional>

#include "common/base/counters.hpp"

namespace inout::admin {
namespace {

/// `each` of the members of two totals.
template <class Function>
Totals joined(const Totals& a, const Totals& b, Function each) {
    return {.bytes_up = each(a.bytes_up, b.bytes_up),
            .bytes_down = each(a.bytes_down, b.bytes_down),
            .opened = each(a.opened, b.opened),
            .failed = each(a.failed, b.failed)};
}

/// From 0, which is `a`, to 1, which is `b`.
Totals between(const Totals& a, const Totals& b, double part) {
    return joined(a, b, [part](std::uint64_t from, std::uint64_t to) {
        return from + static_cast<std::uint64_t>(static_cast<double>(to - from) * part);
    });
}

}  // namespace

Totals totals_now() {
    return {.bytes_up = counters().bytes_up,
            .bytes_down = counters().bytes_down,
            .opened = counters().streams_total,
            .failed = counters().failed_total};
}

void History::add(Milliseconds now, const Totals& totals) {
    if (!has_begun_) {
        has_begun_ = true;
        seen_at_ = edge_ = now;
        seen_ = at_edge_ = totals;
        return;
    }
    if (now <= seen_at_) return;
    // A count may get lost where memory is short (base/counters); none may go back for that.
    const Totals risen =
        joined(seen_, totals, [](std::uint64_t a, std::uint64_t b) { return std::max(a, b); });
    while (edge_ + kHistoryStep <= now) {
        edge_ += kHistoryStep;
        const Totals there = between(seen_, risen,
                                     static_cast<double>((edge_ - seen_at_).count()) /
                                         static_cast<double>((now - seen_at_).count()));
        points_.push_back({.end = edge_, .moved = joined(there, at_edge_, std::minus<>())});
        if (points_.size() > kHistorySteps) points_.pop_front();
        at_edge_ = there;
    }
    seen_at_ = now;
    seen_ = risen;
}

}  // namespace inout::admin
