#include "common/rules/pool_policy.hpp"

#include <algorithm>

namespace inout {

void PoolPolicy::arrived() {
    if (!requested_.empty()) requested_.pop_front();
    // What the target grew by comes on top of the replacements.
    if (growing_ > 0) {
        --growing_;
    } else if (burst_ > 0) {
        --burst_;
    }
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
    peak_ = std::max(peak_, burst_);
    if (burst_ > target_ && target_ < max_) {
        const std::size_t grown = std::min(max_, burst_);
        growing_ += grown - target_;
        target_ = grown;
        lower_at_ = now + kPoolQuiet;
    }
    if (waiting == 0 && parked >= target_) burst_ = growing_ = 0;

    const std::size_t wanted = std::min((may_park ? target_ : 0) + waiting, max_);
    const std::size_t have = parked + requested_.size() - lost;
    const std::size_t room = unanswered_max_ - std::min(unanswered_max_, requested_.size());
    const std::size_t count = wanted > have ? std::min(wanted - have, room) : 0;
    requested_.insert(requested_.end(), count, now);
    return count;
}

std::size_t PoolPolicy::surplus(std::size_t parked, Clock::time_point now) {
    if (target_ > min_ && now >= lower_at_) {
        const std::size_t lower = target_ - std::max<std::size_t>(1, target_ / 4);
        target_ = std::clamp(std::max(peak_, lower), min_, max_);
        peak_ = burst_;
        lower_at_ = now + kPoolQuiet;
    }
    return parked > target_ ? parked - target_ : 0;
}

}  // namespace inout
