#include "out/service.hpp"

#include <set>

#include "common/app/link_budget.hpp"

namespace inout::out {

ConfigProblems OutService::load() {
    ConfigProblems problems = load_networks(
        config_, TlsSide::server, proxy_links_,
        [this](const OutNetwork& network, const ProxyLink& proxy_link,
               std::unique_ptr<TlsPsk> e2e) {
            networks_.push_back(
                std::make_unique<Network>(Network{config_, network, &proxy_link, std::move(e2e)}));
        });
    certificates_.add(proxy_links_.validities());
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
    std::set<const ProxyLink*> proxies;
    for (const auto& network : networks_) proxies.insert(network->proxy_link);
    budget_ = make_link_budget({.threads = workers_.size(),
                                .proxies = proxies.size(),
                                .fixed = networks_.size(),
                                .needed = networks_.size() * (1 + kUsuallyParked + 1)});
    for (const ProxyLink* proxy : proxies) {
        const std::size_t number = data_links_.size();
        data_links_[proxy] = std::make_unique<DataLinks>(*budget_, number);
    }
    for (const auto& network : networks_) {
        network->links = data_links_.at(network->proxy_link).get();
    }
}

void OutService::drain() {
    for (auto& link : links_) link->drain();
}

}  // namespace inout::out
