#include "common/rules/source_rate.hpp"

#include <iterator>

namespace inout {

bool SourceRate::count(const IpAddress& source, Clock::time_point now) {
    // Two at a time: more than one call can add, so that none pile up.
    for (int i = 0; i < 2 && !by_age_.empty() && by_age_.front().rate.is_empty(now); ++i) {
        forget_oldest();
    }
    auto found = by_source_.find(source);
    if (found == by_source_.end()) {
        if (by_age_.size() >= sources_max_) forget_oldest();
        by_age_.push_back({source, fresh_});
        found = by_source_.emplace(source, std::prev(by_age_.end())).first;
    } else {
        by_age_.splice(by_age_.end(), by_age_, found->second);
    }
    return found->second->rate.count(now);
}

bool SourceRate::is_full(const IpAddress& source, Clock::time_point now) const {
    const auto found = by_source_.find(source);
    return found != by_source_.end() && found->second->rate.is_full(now);
}

void SourceRate::forget_oldest() {
    by_source_.erase(by_age_.front().source);
    by_age_.pop_front();
}

}  // namespace inout
