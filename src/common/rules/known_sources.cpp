#include "common/rules/known_sources.hpp"

namespace inout {

void KnownSources::came(const IpAddress& source) {
    ++live_[source];
    if (const auto gone = gone_.find(source); gone != gone_.end()) forget(gone);
}

void KnownSources::left(const IpAddress& source, Clock::time_point now) {
    const auto live = live_.find(source);
    if (live == live_.end() || --live->second > 0) return;
    live_.erase(live);
    if (by_age_.size() >= gone_max_) forget(gone_.find(by_age_.front().source));
    Records fresh;  // both or none, also if memory runs out
    fresh.push_back({source, now});
    gone_.emplace(source, fresh.begin());
    by_age_.splice(by_age_.end(), fresh);
}

bool KnownSources::knows(const IpAddress& source, Clock::time_point now) const {
    if (live_.contains(source)) return true;
    const auto gone = gone_.find(source);
    return gone != gone_.end() && now - gone->second->when < kKnownMemory;
}

void KnownSources::forget(std::map<IpAddress, Records::iterator>::iterator gone) {
    by_age_.erase(gone->second);
    gone_.erase(gone);
}

}  // namespace inout
