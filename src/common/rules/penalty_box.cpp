#include "common/rules/penalty_box.hpp"

#include <algorithm>
#include <iterator>

namespace inout {
namespace {

static_assert(kPenaltyMemory >= kPenaltyMax, "a penalty would end with its record");

/// Forgiven records dropped by one failure: more than it can add, so that none pile up, and few
/// enough to hold nobody up.
constexpr int kForgottenAtOnce = 2;

}  // namespace

Milliseconds PenaltyBox::failed(const IpAddress& source, Clock::time_point now) {
    if (refuses(source, now)) return Milliseconds{0};
    Record& record = remember(source, now);
    record.counted = now;
    if (record.free_failures < kFreeFailures) {
        ++record.free_failures;
        return Milliseconds{0};
    }
    record.penalty = std::clamp(record.penalty * 2, kPenaltyFirst, kPenaltyMax);
    return record.penalty;
}

void PenaltyBox::forgive(const IpAddress& source) {
    const auto found = by_source_.find(source);
    if (found == by_source_.end()) return;
    by_age_.erase(found->second);
    by_source_.erase(found);
}

Milliseconds PenaltyBox::left(const IpAddress& source, Clock::time_point now) const {
    const auto found = by_source_.find(source);
    if (found == by_source_.end()) return Milliseconds{0};
    const auto left = found->second->counted + found->second->penalty - now;
    return std::max(Milliseconds{0}, std::chrono::ceil<Milliseconds>(left));
}

/// The source's record, a new one if there is none that still holds; it is the youngest then.
PenaltyBox::Record& PenaltyBox::remember(const IpAddress& source, Clock::time_point now) {
    const auto forgiven = [&](const Record& record) {
        return now >= record.counted + kPenaltyMemory;
    };
    for (int i = 0; i < kForgottenAtOnce && !by_age_.empty(); ++i) {
        if (forgiven(by_age_.front())) forget_oldest();
    }
    auto found = by_source_.find(source);
    if (found == by_source_.end()) {
        if (by_age_.size() >= sources_max_) forget_oldest();
        by_age_.push_back({.source = source, .counted = now});
        found = by_source_.emplace(source, std::prev(by_age_.end())).first;
    } else {
        Record& record = *found->second;
        if (forgiven(record)) record = {.source = source, .counted = now};
        by_age_.splice(by_age_.end(), by_age_, found->second);
    }
    return *found->second;
}

void PenaltyBox::forget_oldest() {
    by_source_.erase(by_age_.front().source);
    by_age_.pop_front();
}

}  // namespace inout
