#include "in/dial_circle.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "common/net/local_address.hpp"
#include "common/net/resolver.hpp"
#include "common/open/proxy_link.hpp"

namespace inout::in {
namespace {

/// A server of a network that is the listener of this one.
struct Edge {
    std::size_t owner;
    std::string server;
};
using Edges = std::vector<Edge>;

bool is_listener(const HostPort& server, const InNetwork& network) {
    const HostPort& listen = network.listen;
    if (!network.bind_unix.empty() || server.port != listen.port) return false;
    const auto targets = resolve_now(server, kStartLookup).endpoints;
    const auto listening = resolve_now(listen, kStartLookup).endpoints;
    return std::any_of(targets.begin(), targets.end(), [&](const Endpoint& target) {
        return std::any_of(listening.begin(), listening.end(),
                           [&](const Endpoint& at) { return would_reach(target, at); });
    });
}

/// Of one server at most one listener, because no two listen at one place. Where a service is, is
/// not known yet: its port is 0, and so no listener's that others find.
Edges edges_of(const InNetwork& network, const std::vector<InNetwork>& networks) {
    Edges edges;
    for (const ServerAddress& server : servers_of(network)) {
        if (server.is_service()) continue;
        const auto found = std::find_if(
            networks.begin(), networks.end(),
            [&](const InNetwork& other) { return is_listener(server.target(), other); });
        if (found == networks.end()) continue;
        edges.push_back({static_cast<std::size_t>(found - networks.begin()), server.text()});
    }
    return edges;
}

std::string problem_of(const std::vector<InNetwork>& networks, std::size_t network,
                       const Edge& edge) {
    const auto name_of = [&](std::size_t i) { return name_in_file(networks[i], i); };
    return name_of(network) + ": its server " + edge.server + " is " +
           (edge.owner == network
                ? "its own listener"
                : "the listener of " + name_of(edge.owner) + ", whose server leads back here") +
           "; server_host and server_port are the proxy's address";
}

/// Walks from network to network, each edge once.
class Walk {
  public:
    Walk(const std::vector<InNetwork>& networks, std::vector<Edges> edges)
        : networks_(networks), edges_(std::move(edges)), met_(edges_.size()) {}

    void from(std::size_t start, ConfigProblems& problems) {
        if (met_[start] != Met::never) return;
        enter(start);
        while (!path_.empty()) {
            auto& [at, edge] = path_.back();
            if (edge == edges_[at].size()) {
                met_[at] = Met::left;
                path_.pop_back();
                if (!path_.empty()) ++path_.back().edge;
                continue;
            }
            const std::size_t next = edges_[at][edge].owner;
            if (met_[next] == Met::never) {
                enter(next);
                continue;
            }
            if (met_[next] == Met::on_path) problems.push_back(circle_through(next));
            ++edge;
        }
    }

  private:
    enum class Met { never, on_path, left };
    struct Step {
        std::size_t at;
        std::size_t edge = 0;  // that is being walked
    };
    void enter(std::size_t network) {
        met_[network] = Met::on_path;
        path_.push_back({network});
    }
    std::string circle_through(std::size_t network) const {
        const auto step = std::find_if(path_.begin(), path_.end(),
                                       [&](const Step& each) { return each.at == network; });
        return problem_of(networks_, network, edges_[network][step->edge]);
    }

    const std::vector<InNetwork>& networks_;
    const std::vector<Edges> edges_;
    std::vector<Met> met_;
    std::vector<Step> path_;
};

}  // namespace

ConfigProblems find_dial_circles(const InConfig& config) {
    const auto& networks = config.networks;
    std::vector<Edges> edges;
    edges.reserve(networks.size());
    for (const InNetwork& network : networks) edges.push_back(edges_of(network, networks));
    Walk walk(networks, std::move(edges));
    ConfigProblems problems;
    for (std::size_t start = 0; start < networks.size(); ++start) walk.from(start, problems);
    return problems;
}

}  // namespace inout::in
