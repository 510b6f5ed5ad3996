#include "common/rules/pool_policy.hpp"

#include <algorithm>

namespace inout {

void PoolPolicy::set_bounds(std::size_t min, std::size_t max) {
    min_ = min;
    max_ = max;
    target_ = std::clamp(target_, min, lent_ + max);
}

void PoolPolicy::arrived(bool may_return) {
    may_return_ = may_return;
    if (!requested_.empty()) requested_.pop_front();
    // What the target grew by comes on top of the replacements.
    if (growing_ > 0) {
        --growing_;
    } else if (burst_ > 0) {
        --burst_;
    }
}

void PoolPolicy::lent() {
    ++lent_;
    if (burst_ > 0) --burst_;  // no replacement is to come
}

bool PoolPolicy::returned(std::size_t parked) {
    if (lent_ > 0) --lent_;
    // What can not be parked is closed now, and not missed afterwards: otherwise each stream of a
    // load beyond the maximum would close one at its end and have another one asked for.
    target_ = std::min(target_, lent_ + max_);
    peak_ = std::min(peak_, target_);
    return parked + lent_ < target_;
}

void PoolPolicy::spent() {
    if (lent_ > 0) --lent_;
    ++burst_;
}

/// The maximum is one of parked connections: those that streams have are not held against it.
std::size_t PoolPolicy::need() const {
    return std::max(std::min(max_, burst_ + lent_), lent_ > 0 ? lent_ + min_ : 0);
}

std::size_t PoolPolicy::request(std::size_t parked, std::size_t waiting, Clock::time_point now,
                                bool may_park) {
    while (!requested_.empty() && now - requested_.front() >= kRequestExpiry) {
        requested_.pop_front();
    }
    // What was lost on its way (a crowd at the proxy, an out that gave way) costs a stream a second
    // and not its open_timeout: each that waits may have one asked for in its place.
    std::size_t lost = 0;  // the oldest stand in front
    while (lost < std::min(waiting, requested_.size()) &&
           now - requested_[lost] >= kWaitingExpiry) {
        ++lost;
    }
    peak_ = std::max(peak_, need());
    if (const std::size_t grown = need(); grown > target_) {
        growing_ += grown - target_;
        target_ = grown;
        lower_at_ = now + kPoolQuiet;
    }
    if (waiting == 0 && parked + lent_ >= target_) burst_ = growing_ = 0;

    // What a waiting stream gets is lent as well, if those of this out come back.
    const std::size_t lent = lent_ + (may_return_ ? waiting : 0);
    const std::size_t idle = may_park ? std::max(min_, target_ - std::min(target_, lent)) : 0;
    const std::size_t wanted = std::min(idle + waiting, max_);
    const std::size_t have = parked + requested_.size() - lost;
    const std::size_t room = unanswered_max_ - std::min(unanswered_max_, requested_.size());
    std::size_t missing = wanted > have ? wanted - have : 0;
    if (may_return_) {
        // Little is kept idle then, and many that were lost at once would hide what is missing.
        const auto late = static_cast<std::size_t>(
            std::count_if(requested_.begin(), requested_.end(),
                          [&](auto asked) { return now - asked >= kWaitingExpiry; }));
        const std::size_t coming = parked + requested_.size() - late;
        if (waiting > coming) missing = std::max(missing, waiting - coming);
    }
    const std::size_t count = std::min(missing, room);
    requested_.insert(requested_.end(), count, now);
    return count;
}

std::size_t PoolPolicy::surplus(std::size_t parked, Clock::time_point now) {
    if (target_ > min_ && now >= lower_at_) {
        const std::size_t lower = target_ - std::max<std::size_t>(1, target_ / 4);
        target_ = std::max({peak_, lower, min_});
        peak_ = need();
        lower_at_ = now + kPoolQuiet;
    }
    const std::size_t there = parked + lent_;
    const std::size_t above_min = parked - std::min(parked, min_);
    return there > target_ ? std::min(there - target_, above_min) : 0;
}

}  // namespace inout
