#include "common/cluster/presence.hpp"

namespace inout::cluster {

bool Presence::add(const Name& name) { return ++counts_[name.is_pattern ? 1 : 0][name.text] == 1; }

bool Presence::remove(const Name& name) {
    auto& counts = counts_[name.is_pattern ? 1 : 0];
    const auto found = counts.find(name.text);
    if (found == counts.end() || --found->second > 0) return false;
    counts.erase(found);
    untold_.erase(name);
    return true;
}

void Presence::untold(const Name& name) {
    if (untold_.size() < kUntoldMax) untold_.insert(name);
}

std::vector<Presence::Name> Presence::take_untold() {
    std::vector<Name> names(untold_.begin(), untold_.end());
    untold_.clear();
    return names;
}

bool Presence::is_first(std::string_view reply) {
    if (!answered_.emplace(reply).second) return false;
    by_age_.emplace_back(reply);
    if (by_age_.size() > kAnsweredMax) {
        answered_.erase(by_age_.front());
        by_age_.pop_front();
    }
    return true;
}

}  // namespace inout::cluster
