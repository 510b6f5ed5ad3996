// RouteCache: the topics that others have, as they said lately.
//
// Each has the set of its proxies, fresh for kRoutesFresh; each stream chooses anew among them.
// What is not fresh any more is kept, because it is tried where nobody answers. Nothing says that
// nobody has a topic. Bounded: the topic that was not asked for longest goes. Time is an argument.
// Pure; its owner locks.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/cluster/cluster_limits.hpp"
#include "common/cluster/route_set.hpp"

namespace inout::cluster {

class RouteCache {
  public:
    explicit RouteCache(std::size_t topics_max = kCachedTopicsMax) : topics_max_(topics_max) {}
    RouteCache(const RouteCache&) = delete;
    RouteCache& operator=(const RouteCache&) = delete;

    /// What a look-up has found takes the place of what was there.
    void put(const std::string& topic, const RouteSet& routes, Clock::time_point now);
    /// An answer that came behind the end of its look-up.
    void add(const std::string& topic, const Answer& answer, Clock::time_point now);
    /// This proxy does not have it, or can not be reached.
    void drop(std::string_view topic, std::string_view proxy);
    /// Somebody has it, or had it until now.
    void is_there(const std::string& topic, Clock::time_point now);
    /// Its routes by a pattern are not fresh any more: there may be a better one.
    void outdate(std::string_view topic);
    void outdate_patterns() { ++generation_; }

    /// Empty if there are none. Whoever asks may count streams in them.
    std::vector<Route*> fresh_routes(std::string_view topic, Clock::time_point now);
    std::vector<Route*> routes(std::string_view topic);
    /// Somebody had it within kKnownMemory.
    bool knows(std::string_view topic, Clock::time_point now) const;
    /// Who ought to answer for it: nobody, if that may have changed.
    std::vector<std::string> expected(std::string_view topic, Clock::time_point now) const;
    std::size_t topics() const { return by_topic_.size(); }

    /// Patterns by which topics here have their routes: the first began to, the last one ended.
    struct PatternChange {
        std::string pattern;
        bool is_used;
        bool operator==(const PatternChange&) const = default;
    };
    /// Since it was asked last.
    std::vector<PatternChange> take_pattern_changes() { return std::exchange(changes_, {}); }

  private:
    struct Entry {
        std::string topic;
        RouteSet routes{};
        Clock::time_point fresh_until = Clock::time_point::min();
        Clock::time_point known_at = Clock::time_point::min();
        std::uint64_t generation = 0;
        bool is_outdated = false;
    };
    using Entries = std::list<Entry>;

    Entry& entry(const std::string& topic);
    const Entry* find(std::string_view topic) const;
    Entry* find(std::string_view topic);
    bool may_have_better(const Entry& entry) const;
    void set_pattern(const std::string& before, const std::string& now);

    const std::size_t topics_max_;
    std::uint64_t generation_ = 0;
    Entries by_use_;  // the youngest first
    std::unordered_map<std::string_view, Entries::iterator> by_topic_;
    std::map<std::string, std::size_t> patterns_;  // of how many topics
    std::vector<PatternChange> changes_;
};

}  // namespace inout::cluster
