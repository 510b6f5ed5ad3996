// RouteSet: the proxies that have a topic, as far as they have said so. Pure; a value.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/cluster/message.hpp"

namespace inout::cluster {

/// A way to a topic: over this proxy.
struct Route {
    std::string proxy;
    std::string address;  ///< HOST:PORT
    bool ready = true;
    unsigned weight = 1;
    std::size_t running = 0;  ///< streams there when it said so, and those that were sent since
    bool operator==(const Route&) const = default;
};

/// Holds only the routes of the best fit: an exact registration wins, then the most specific
/// pattern.
class RouteSet {
  public:
    /// False: it says no, or others have a better one, or there are kRoutesMax others.
    bool add(const Answer& answer);
    /// That proxy has it no more, or can not be reached.
    void drop(std::string_view proxy);

    bool is_empty() const { return routes_.empty(); }
    bool is_exact() const { return match_ == Match::exact; }
    /// Empty unless that is how they come to the topic.
    const std::string& pattern() const { return pattern_; }
    std::vector<Route>& routes() { return routes_; }
    const std::vector<Route>& routes() const { return routes_; }
    /// One of them takes streams now.
    bool is_ready() const;

  private:
    Match match_ = Match::none;
    std::string pattern_;
    std::vector<Route> routes_;
};

}  // namespace inout::cluster
