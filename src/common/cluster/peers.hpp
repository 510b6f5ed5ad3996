// Peers: what is remembered of the other proxies beyond one topic: which of them could not be
// reached, and whose turn it is among equal ones. Time is an argument. Pure; its owner locks.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/cluster/cluster_limits.hpp"
#include "common/cluster/route_set.hpp"
#include "common/rules/chooser.hpp"

namespace inout::cluster {

class Peers {
  public:
    /// Which of these routes a stream takes: of those that are ready, if any is, the one with the
    /// fewest streams for its weight. `chance`, in [0, 1), is where equal ones begin, so that not
    /// all proxies begin with the same. Nothing if there are none.
    Route* choose(std::span<Route* const> routes, double chance, Clock::time_point now);

    void could_not_be_reached(const std::string& proxy, Clock::time_point now);
    void was_reached(const std::string& proxy);
    /// Lately.
    bool is_unreachable(const std::string& proxy, Clock::time_point now) const;
    std::size_t size() const { return peers_.size(); }  // only tests

  private:
    struct Peer {
        Candidate candidate;
        Clock::time_point used;
    };
    Peer& peer(const std::string& proxy, Clock::time_point now);

    std::unordered_map<std::string, Peer> peers_;
};

}  // namespace inout::cluster
