#include "common/base/line_budget.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace inout::log {
namespace {

struct Rates {
    LineRate each, all;
};

const Rates& rates_of(Kind kind) {
    static constexpr Rates kRates[kKinds] = {{kWarningLines, kAllWarningLines},
                                             {kRetryLines, kAllRetryLines},
                                             {kFailureLines, kAllFailureLines},
                                             {kChangeLines, kAllChangeLines},
                                             {kStreamLines, kAllStreamLines}};
    return kRates[static_cast<std::size_t>(kind)];
}

std::size_t hash_of(std::string_view event, std::string_view about) {
    const std::hash<std::string_view> hash;
    constexpr std::size_t kOdd = 0x9e3779b97f4a7c15;  // so that the order of the two counts
    return hash(event) * kOdd + hash(about);
}

}  // namespace

std::optional<std::uint64_t> LineBudget::pass(Level level, Kind kind, std::string_view event,
                                              std::string_view about, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    Thing& found = thing(level, kind, event, about);
    if (take(found, now)) return std::exchange(found.held_back, 0);
    ++found.held_back;
    return std::nullopt;
}

std::vector<LineBudget::HeldBack> LineBudget::tell(Clock::time_point now, bool all) {
    std::vector<HeldBack> told;
    const std::lock_guard lock(mutex_);
    for (auto at = things_.begin(); at != things_.end();) {
        Thing& each = at->second;
        if (each.held_back > 0 && (all || take(each, now))) {
            told.push_back({each.level, each.event, each.about, std::exchange(each.held_back, 0)});
        }
        const bool forget = each.held_back == 0 && each.bucket.is_full(now);
        at = forget ? things_.erase(at) : std::next(at);
    }
    return told;
}

LineBudget::Thing& LineBudget::thing(Level level, Kind kind, std::string_view event,
                                     std::string_view about) {
    const std::size_t hash = hash_of(event, about);
    if (const auto found = things_.find(hash); found != things_.end()) return found->second;
    if (things_.size() >= things_max_ && !about.empty()) {
        // Events are few and ours: these shared ones are bounded as well.
        return thing(level, kind, event, {});
    }
    Thing& made = things_[hash];
    made.level = level;
    made.kind = kind;
    made.event = event;
    made.about = about;
    return made;
}

bool LineBudget::take(Thing& thing, Clock::time_point now) {
    const Rates& rates = rates_of(thing.kind);
    LineBucket& all = all_[static_cast<std::size_t>(thing.kind)];
    if (!thing.bucket.has_room(rates.each, now) || !all.has_room(rates.all, now)) return false;
    thing.bucket.take(rates.each, now);
    all.take(rates.all, now);
    return true;
}

}  // namespace inout::log
