#include "in/dial_circle.hpp"

#include <algorithm>
#include <optional>

#include "common/net/local_address.hpp"
#include "common/net/resolver.hpp"

namespace inout::in {
namespace {

bool dials(const InNetwork& network, const InNetwork& other) {
    if (network.server.port != other.listen.port) return false;
    const auto targets = resolve_now(network.server, kStartLookup).endpoints;
    const auto listening = resolve_now(other.listen, kStartLookup).endpoints;
    return std::any_of(targets.begin(), targets.end(), [&](const Endpoint& target) {
        return std::any_of(listening.begin(), listening.end(),
                           [&](const Endpoint& at) { return would_reach(target, at); });
    });
}

std::string name_of(std::size_t network) { return "networks[" + std::to_string(network) + "]"; }

}  // namespace

ConfigProblems find_dial_circles(const InConfig& config) {
    const auto& networks = config.networks;
    // Whose listener each network dials: of one at most, because no two listen at one place.
    std::vector<std::optional<std::size_t>> next(networks.size());
    for (std::size_t i = 0; i < networks.size(); ++i) {
        for (std::size_t j = 0; j < networks.size() && !next[i]; ++j) {
            if (dials(networks[i], networks[j])) next[i] = j;
        }
    }
    ConfigProblems problems;
    std::vector<std::size_t> walk_of(networks.size());  // in which walk it was met; 0: in none
    for (std::size_t start = 0; start < networks.size(); ++start) {
        std::optional<std::size_t> at = start;
        while (at && walk_of[*at] == 0) {
            walk_of[*at] = start + 1;
            at = next[*at];
        }
        if (!at || walk_of[*at] != start + 1) continue;
        const std::string server = to_string(networks[*at].server);
        const std::size_t owner = *next[*at];
        problems.push_back(name_of(*at) + ": its server " + server + " is " +
                           (owner == *at ? "its own listener"
                                         : "the listener of " + name_of(owner) +
                                               ", whose server leads back here") +
                           "; server_host and server_port are the proxy's address");
    }
    return problems;
}

}  // namespace inout::in
