#include "in/in_service.hpp"

#include <map>

#include "common/base/log.hpp"
#include "in/client_session.hpp"

namespace inout {
namespace {

log::RateLimit refusals;

/// The client gets an RST when its connection goes out of scope.
void say_refused(const Connection& client, const Network& network) {
    counters().refused_total.fetch_add(1, std::memory_order_relaxed);
    const auto held_back = refusals.pass();
    if (held_back < 0) return;
    log::warning("client refused", {{"client", client.peer()},
                                    {"topic", network.config.topic},
                                    {"reason", "allow and deny"},
                                    {"held_back", held_back}});
}

}  // namespace

ConfigProblems InService::load() {
    ConfigProblems problems;
    for (const InNetwork& config : config_.networks) {
        const std::string path =
            "networks[" + std::to_string(&config - config_.networks.data()) + "].";
        const auto upstream = upstreams_.get(config.server, config.tls ? config.tls : config_.tls,
                                             config.auth ? config.auth : config_.auth);
        auto e2e = make_e2e(TlsSide::client, config.e2e, config.topic);
        if (!upstream)
            problems.push_back((config.tls || config.auth ? path : "") + upstream.error());
        if (!e2e) problems.push_back(path + e2e.error());
        if (!upstream || !e2e) continue;
        networks_.push_back(std::make_unique<Network>(
            Network{config, config.allow ? *config.allow : config_.access.allow,
                    config.deny ? *config.deny : config_.access.deny, *upstream, std::move(*e2e)}));
    }
    return problems;
}

std::optional<std::string> InService::start() {
    for (const auto& network : networks_) {
        auto acceptor = std::make_unique<Acceptor>(workers_.main().context());
        const auto address = acceptor->listen(network->config.listen);
        if (!address) return address.error();
        log::info("listening", {{"address", to_string(*address)},
                                {"topic", network->config.topic},
                                {"server", to_string(network->config.server)}});
        acceptors_.push_back(std::move(acceptor));
    }
    // Only when all could be bound: nothing is served by half a configuration.
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        spawn(workers_.main().executor(), "listener", accept(*acceptors_[i], *networks_[i]));
    }
    return std::nullopt;
}

Task<> InService::accept(Acceptor& acceptor, const Network& network) {
    std::map<Worker*, WarmPool*> warm;
    workers_.for_each([&](Worker& w) { warm[&w] = &warm_pool(w, *network.upstream); });
    while (true) {
        Worker& worker = workers_.next();
        auto client = co_await acceptor.accept(worker.context());
        if (!client) co_return;
        if (!may_connect(network.allow, network.deny, client->peer_address())) {
            say_refused(*client, network);
            continue;
        }
        spawn(worker.executor(), "client",
              client_session(worker, config_, network, *warm[&worker], std::move(*client)));
    }
}

WarmPool& InService::warm_pool(Worker& worker, const Upstream& upstream) {
    for (const auto& pool : warm_pools_) {
        if (pool->serves(worker, upstream)) return *pool;
    }
    return *warm_pools_.emplace_back(std::make_unique<WarmPool>(worker, config_, upstream));
}

void InService::drain() {
    for (auto& acceptor : acceptors_) acceptor->close();
    for (auto& pool : warm_pools_) pool->close();
}

}  // namespace inout
