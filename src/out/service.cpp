#include "out/service.hpp"

#include <set>

#include "common/app/upstream_budget.hpp"

namespace inout::out {

ConfigProblems OutService::load() {
    ConfigProblems problems = load_networks(
        config_, TlsSide::server, upstreams_,
        [this](const OutNetwork& network, const Upstream& upstream, std::unique_ptr<TlsPsk> e2e) {
            networks_.push_back(
                std::make_unique<Network>(Network{config_, network, &upstream, std::move(e2e)}));
        });
    certificates_.add(upstreams_.validities());
    certificates_.warn();
    return problems;
}

std::optional<std::string> OutService::start() {
    share_descriptors();
    for (const auto& network : networks_) {
        links_.push_back(std::make_unique<ControlLink>(workers_.main(), workers_, *network));
    }
    for (auto& link : links_) {
        spawn_for_ever(workers_.main().executor(), "control link",
                       [&link = *link] { return link.run(); });
    }
    spawn_for_ever(workers_.main().executor(), "certificates",
                   [this] { return certificates_.run(workers_.main().executor()); });
    return std::nullopt;
}

/// Each network needs its control connection, what a proxy usually keeps parked, and a backend.
void OutService::share_descriptors() {
    constexpr std::size_t kUsuallyParked = 2;
    std::set<const Upstream*> proxies;
    for (const auto& network : networks_) proxies.insert(network->upstream);
    budget_ = make_upstream_budget({.threads = workers_.size(),
                                    .proxies = proxies.size(),
                                    .fixed = networks_.size(),
                                    .needed = networks_.size() * (1 + kUsuallyParked + 1)});
    for (const Upstream* proxy : proxies) {
        const std::size_t number = data_links_.size();
        data_links_[proxy] = std::make_unique<DataLinks>(*budget_, number);
    }
    for (const auto& network : networks_) {
        network->links = data_links_.at(network->upstream).get();
    }
}

void OutService::drain() {
    for (auto& link : links_) link->drain();
}

}  // namespace inout::out
