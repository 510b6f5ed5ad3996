#include "out/out_service.hpp"

namespace inout {

ConfigProblems OutService::load() {
    ConfigProblems problems;
    for (const OutNetwork& config : config_.networks) {
        const std::string path =
            "networks[" + std::to_string(&config - config_.networks.data()) + "].";
        const auto upstream = upstreams_.get(config.server, config.tls ? config.tls : config_.tls,
                                             config.auth ? config.auth : config_.auth);
        auto e2e = make_e2e(TlsSide::server, config.e2e, config.topic);
        if (!upstream)
            problems.push_back((config.tls || config.auth ? path : "") + upstream.error());
        if (!e2e) problems.push_back(path + e2e.error());
        if (!upstream || !e2e) continue;
        networks_.push_back(
            std::make_unique<Network>(Network{config_, config, *upstream, std::move(*e2e)}));
    }
    return problems;
}

std::optional<std::string> OutService::start() {
    for (const auto& network : networks_) {
        links_.push_back(std::make_unique<ControlLink>(workers_.main(), workers_, *network));
    }
    for (auto& link : links_) spawn(workers_.main().executor(), "control link", link->run());
    return std::nullopt;
}

void OutService::drain() {
    for (auto& link : links_) link->drain();
}

}  // namespace inout
