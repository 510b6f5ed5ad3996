#include "out/out_service.hpp"

namespace inout {

ConfigProblems OutService::load() {
    return load_networks(
        config_, TlsSide::server, upstreams_,
        [this](const OutNetwork& network, const Upstream& upstream, std::unique_ptr<TlsPsk> e2e) {
            networks_.push_back(
                std::make_unique<Network>(Network{config_, network, &upstream, std::move(e2e)}));
        });
}

std::optional<std::string> OutService::start() {
    for (const auto& network : networks_) {
        links_.push_back(std::make_unique<ControlLink>(workers_.main(), workers_, *network));
    }
    for (auto& link : links_) {
        spawn_for_ever(workers_.main().executor(), "control link",
                       [&link = *link] { return link.run(); });
    }
    return std::nullopt;
}

void OutService::drain() {
    for (auto& link : links_) link->drain();
}

}  // namespace inout
