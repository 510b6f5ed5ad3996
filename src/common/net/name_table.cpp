#include "common/net/name_table.hpp"

#include <algorithm>

namespace inout {

NameTable::Known NameTable::find(const std::string& host, Clock::time_point now) const {
    const auto found = names_.find(host);
    if (found == names_.end()) return {};
    const Name& name = found->second;
    return {.addresses = name.good,
            .error = name.error,
            .settled = now < name.fresh_until || now < name.paused_until,
            .worth_a_wait = !name.slow};
}

void NameTable::answered(const std::string& host, const Lookup& lookup, Clock::time_point now) {
    if (names_.size() >= kNamesMax && !names_.contains(host)) forget_oldest();
    Name& name = names_[host];
    name.answered = now;
    name.error = lookup.error;
    name.slow = lookup.slow || lookup.silent;
    if (!lookup.addresses.empty()) {
        name.good = lookup.addresses;
        name.fresh_until = now + kResolveFresh;
    }
    if (!lookup.silent) {
        name.silences = 0;
        return;
    }
    constexpr unsigned kDoublings = 10;
    const auto pause = kLookupPause * (1U << std::min(name.silences, kDoublings));
    name.paused_until = now + std::min<Milliseconds>(pause, kLookupPauseMax);
    ++name.silences;
}

/// An eighth at a time, so that it is seldom.
void NameTable::forget_oldest() {
    std::vector<Clock::time_point> times;
    times.reserve(names_.size());
    for (const auto& [host, name] : names_) times.push_back(name.answered);
    const auto oldest = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 8);
    std::nth_element(times.begin(), oldest, times.end());
    const auto limit = *oldest;
    std::erase_if(names_, [&](const auto& each) { return each.second.answered <= limit; });
}

}  // namespace inout
