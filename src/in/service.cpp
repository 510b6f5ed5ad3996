#include "in/service.hpp"

#include <set>

#include "common/app/link_budget.hpp"
#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "in/client_session.hpp"
#include "in/dial_circle.hpp"
#include "in/first_look.hpp"

namespace inout::in {
namespace {

/// The client gets an RST when its connection goes out of scope.
void say_refused(const Connection& client, const Network& network, std::string_view reason) {
    counters().refused_total.add();
    log::limited(log::Level::warning, log::Kind::warning, "client refused", client.source(),
                 {{"client", client.peer()}, {"topic", network.config.topic}, {"reason", reason}});
}

}  // namespace

ConfigProblems InService::load() {
    const AccessLists& all = config_.access;
    ConfigProblems problems = load_networks(
        config_, TlsSide::client, proxy_links_,
        [&](const InNetwork& network, const ProxyLink& proxy_link, std::unique_ptr<TlsPsk> e2e) {
            networks_.push_back(std::make_unique<Network>(
                Network{network, network.allow ? *network.allow : all.allow,
                        network.deny ? *network.deny : all.deny, &proxy_link, std::move(e2e)}));
        });
    for (auto& problem : find_dial_circles(config_)) problems.push_back(std::move(problem));
    certificates_.add(proxy_links_.validities());
    certificates_.warn();
    return problems;
}

std::optional<std::string> InService::start() {
    share_descriptors();
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
    spawn_for_ever(workers_.main().executor(), "certificates",
                   [this] { return certificates_.run(workers_.main().executor()); });
    look_at_proxies();
    return std::nullopt;
}

/// In the background, and not at all of many proxies at once.
void InService::look_at_proxies() {
    if (config_.first_look == Switch::off) return;
    const auto spread = std::min<Milliseconds>(kFirstLookApart * servers_.size(), kFirstLooks);
    for (const auto& [proxy_link, server] : servers_) {
        const auto delay = std::chrono::duration_cast<Milliseconds>(spread * random_unit());
        spawn(workers_.main().executor(), "first look",
              first_look(workers_.main(), config_, *server, delay));
    }
}

/// Each network needs its listener, and a stream.
void InService::share_descriptors() {
    std::set<const ProxyLink*> proxies;
    for (const auto& network : networks_) proxies.insert(network->proxy_link);
    const std::size_t listeners = networks_.size();
    budget_ = make_link_budget({.threads = workers_.size(),
                                .proxies = proxies.size(),
                                .fixed = listeners,
                                .needed = listeners * (1 + kStreamDescriptors)});
    for (const ProxyLink* proxy : proxies) {
        const std::size_t number = servers_.size();
        servers_[proxy] = std::make_unique<Server>(workers_, config_, *proxy, *budget_, number);
    }
    for (const auto& network : networks_) network->server = servers_.at(network->proxy_link).get();
}

Task<> InService::accept(Acceptor& acceptor, const Network& network) {
    while (true) {
        Worker& worker = workers_.next();
        auto client = co_await acceptor.accept(worker.context());
        if (!client) co_return;
        if (!may_connect(network.allow, network.deny, client->peer_address())) {
            say_refused(*client, network, "allow and deny");
            continue;
        }
        std::unique_ptr<Quota::Place> of_client;
        const auto source = client->peer_address().source().bytes;
        if (!streams_of_client_.take(std::string(source.begin(), source.end()), of_client)) {
            say_refused(*client, network, "limits.streams_per_client");
            continue;
        }
        auto places = network.server->client_places();
        if (places.count() == 0) {
            co_await network.server->drop_spares();
            places = network.server->client_places();
        }
        if (places.count() == 0) {
            say_refused(*client, network, "no file descriptors left for this proxy's streams");
            continue;
        }
        spawn(worker.executor(), "client",
              client_session(worker, config_, network, std::move(client),
                             ClientPlaces{std::move(places), std::move(of_client)}));
    }
}

void InService::drain() {
    for (auto& acceptor : acceptors_) acceptor->close();
    for (auto& [proxy_link, server] : servers_) server->close();
}

}  // namespace inout::in
