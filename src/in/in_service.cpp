#include "in/in_service.hpp"

#include <map>

#include "common/base/log.hpp"
#include "in/client_session.hpp"
#include "in/dial_circle.hpp"

namespace inout {
namespace {

/// The client gets an RST when its connection goes out of scope.
void say_refused(const Connection& client, const Network& network) {
    counters().refused_total.fetch_add(1, std::memory_order_relaxed);
    log::limited(
        log::Level::warning, log::Kind::warning, "client refused", client.source(),
        {{"client", client.peer()}, {"topic", network.config.topic}, {"reason", "allow and deny"}});
}

}  // namespace

ConfigProblems InService::load() {
    const AccessLists& all = config_.access;
    ConfigProblems problems = load_networks(
        config_, TlsSide::client, upstreams_,
        [&](const InNetwork& network, const Upstream& upstream, std::unique_ptr<TlsPsk> e2e) {
            networks_.push_back(std::make_unique<Network>(
                Network{network, network.allow ? *network.allow : all.allow,
                        network.deny ? *network.deny : all.deny, &upstream, std::move(e2e)}));
        });
    for (auto& problem : find_dial_circles(config_)) problems.push_back(std::move(problem));
    return problems;
}

std::optional<std::string> InService::start() {
    for (const auto& network : networks_) {
        auto acceptor = std::make_unique<Acceptor>(workers_.main().context());
        const auto addresses = acceptor->listen(network->config.listen);
        if (!addresses) return addresses.error();
        for (const Endpoint& address : *addresses) {
            log::info("listening", {{"address", to_string(address)},
                                    {"topic", network->config.topic},
                                    {"server", to_string(network->config.server)}});
        }
        acceptors_.push_back(std::move(acceptor));
    }
    // Only when all could be bound: nothing is served by half a configuration.
    for (std::size_t i = 0; i < acceptors_.size(); ++i) {
        Acceptor& acceptor = *acceptors_[i];
        const Network& network = *networks_[i];
        spawn_for_ever(workers_.main().executor(), "listener",
                       [this, &acceptor, &network] { return accept(acceptor, network); });
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
