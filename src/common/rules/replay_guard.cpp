#include "common/rules/replay_guard.hpp"

#include <utility>

namespace inout {

ReplayGuard::Verdict ReplayGuard::enter(const Tag& tag, Clock::time_point now) {
    end_generations(now);
    if (current_.contains(tag) || previous_.contains(tag)) return Verdict::replayed;
    if (size() >= entries_max_) return Verdict::full;
    current_.insert(tag);
    return Verdict::fresh;
}

std::vector<ReplayGuard::Tag> ReplayGuard::entries(Clock::time_point now) {
    end_generations(now);
    std::vector<Tag> all(current_.begin(), current_.end());
    all.insert(all.end(), previous_.begin(), previous_.end());
    return all;
}

void ReplayGuard::end_generations(Clock::time_point now) {
    const auto age = now - began_;
    if (age < kKept) return;
    // All of the current one came in its first kKept, so after two nothing is young enough.
    if (age >= 2 * kKept) current_.clear();
    previous_ = std::exchange(current_, {});
    began_ = now;
}

}  // namespace inout
