#include "common/cluster/peers.hpp"

#include <algorithm>

namespace inout::cluster {

Route* Peers::choose(std::span<Route* const> routes, double chance, Clock::time_point now) {
    const bool any_ready =
        std::ranges::any_of(routes, [](const Route* route) { return route->ready; });
    std::vector<Route*> eligible;
    std::vector<Offer> offers;
    const auto first = static_cast<std::size_t>(chance * static_cast<double>(routes.size()));
    for (std::size_t i = 0; i < routes.size(); ++i) {
        Route* const route = routes[(first + i) % routes.size()];
        if (route->ready != any_ready) continue;
        Candidate& candidate = peer(route->proxy, now).candidate;
        candidate.weight = route->weight;
        eligible.push_back(route);
        offers.push_back({&candidate, route->running});
    }
    const auto chosen = inout::choose(Select::least_streams, offers, now, {}, chance);
    return chosen ? eligible[*chosen] : nullptr;
}

void Peers::could_not_be_reached(const std::string& proxy, Clock::time_point now) {
    peer(proxy, now).candidate.rest.failed(now);
}

void Peers::was_reached(const std::string& proxy) {
    const auto found = peers_.find(proxy);
    if (found != peers_.end()) found->second.candidate.rest.succeeded();
}

bool Peers::is_unreachable(const std::string& proxy, Clock::time_point now) const {
    const auto found = peers_.find(proxy);
    return found != peers_.end() && found->second.candidate.rest.is_resting(now);
}

/// Of a proxy that is started again comes another id, so the old ones have to go some day. Those
/// of one choice must all stay: kRoutesMax is less than a half of kPeersMax.
Peers::Peer& Peers::peer(const std::string& proxy, Clock::time_point now) {
    const auto found = peers_.find(proxy);
    if (found != peers_.end()) {
        found->second.used = now;
        return found->second;
    }
    if (peers_.size() >= kPeersMax) {
        std::vector<Clock::time_point> used;
        for (const auto& [name, each] : peers_) used.push_back(each.used);
        const auto middle = used.begin() + static_cast<std::ptrdiff_t>(used.size() / 2);
        std::ranges::nth_element(used, middle);
        const auto oldest = *middle;
        std::erase_if(peers_, [&](const auto& each) { return each.second.used < oldest; });
    }
    return peers_.emplace(proxy, Peer{Candidate(proxy), now}).first->second;
}

}  // namespace inout::cluster
