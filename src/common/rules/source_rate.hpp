// SourceRate: so many of something a second from each source, and a burst of them.
//
// What is counted drains at a steady rate, and beyond a burst is too much (GCRA, ITU-T I.371: one
// point in time for each source, when all it has will have drained). The table is bounded: when it
// is full the source that was counted the longest ago is forgotten. Time is an argument; its owner
// locks. Pure.
#pragma once

#include <algorithm>
#include <list>
#include <map>

#include "common/base/address_range.hpp"
#include "common/base/limits.hpp"

namespace inout {

/// One rate.
class Rate {
  public:
    Rate(unsigned per_second, unsigned burst)
        : each_(std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second),
          room_(each_ * (burst - 1)) {}

    /// False: too much already, and not counted.
    bool count(Clock::time_point now) {
        if (is_full(now)) return false;
        drained_ = std::max(drained_, now) + each_;
        return true;
    }
    bool is_full(Clock::time_point now) const { return drained_ > now + room_; }
    bool is_empty(Clock::time_point now) const { return drained_ <= now; }

  private:
    Clock::duration each_, room_;
    Clock::time_point drained_{};
};

class SourceRate {
  public:
    /// `sources_max` is at least 1.
    SourceRate(unsigned per_second, unsigned burst, std::size_t sources_max = kPenaltySourcesMax)
        : fresh_(per_second, burst), sources_max_(sources_max) {}
    SourceRate(const SourceRate&) = delete;
    SourceRate& operator=(const SourceRate&) = delete;

    /// False: it has had too much already, and this is not counted.
    bool count(const IpAddress& source, Clock::time_point now);
    bool is_full(const IpAddress& source, Clock::time_point now) const;
    std::size_t size() const { return by_age_.size(); }

  private:
    struct Record {
        IpAddress source;
        Rate rate;
    };
    using Records = std::list<Record>;
    void forget_oldest();

    const Rate fresh_;
    const std::size_t sources_max_;
    Records by_age_;  ///< counted the longest ago first
    std::map<IpAddress, Records::iterator> by_source_;
};

}  // namespace inout
