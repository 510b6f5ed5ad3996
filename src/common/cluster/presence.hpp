// Presence: the topics and patterns that are registered at this proxy, as the others may know them.
//
// The first registration of one begins to listen to the look-ups for it, the last one's end ends
// that. What began while NATS could not be reached is told later. Pure; its owner locks.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/cluster/cluster_limits.hpp"

namespace inout::cluster {

class Presence {
  public:
    /// What can be registered.
    struct Name {
        std::string text;
        bool is_pattern = false;
        auto operator<=>(const Name&) const = default;
    };

    /// True: the first of its name.
    bool add(const Name& name);
    /// True: the last of its name; false too if there is none.
    bool remove(const Name& name);
    std::size_t size() const { return counts_[0].size() + counts_[1].size(); }  // only tests

    /// It could not be told.
    void untold(const Name& name);
    /// What is still there of that.
    std::vector<Name> take_untold();

    /// False: this look-up was answered already, over another subscription that matches it.
    bool is_first(std::string_view reply);

  private:
    std::unordered_map<std::string, std::size_t> counts_[2];  // topics, patterns
    std::set<Name> untold_;                                   // at most kUntoldMax
    std::unordered_set<std::string> answered_;
    std::deque<std::string> by_age_;  // of them, at most kAnsweredMax
};

}  // namespace inout::cluster
