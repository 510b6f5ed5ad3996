#include "in/service.hpp"

#include <algorithm>
#include <map>
#include <new>

#include "common/app/link_budget.hpp"
#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/config/port_ranges.hpp"
#include "common/net/resolver.hpp"
#include "in/client_session.hpp"
#include "in/dial_circle.hpp"
#include "in/first_look.hpp"
#include "in/last_words.hpp"
#include "in/told_client.hpp"

namespace inout::in {
namespace {

/// How many clients that have said nothing are ended for a newcomer that finds no place.
constexpr int kRoomTries = 4;

}  // namespace

Result<Ready, ConfigProblems> InService::prepare(std::shared_ptr<const InConfig> written) {
    const std::shared_ptr<const InConfig> config = with_each_port(std::move(written));
    auto next = std::make_shared<Next>();
    ProxyLinks proxy_links;
    ConfigProblems problems = load_networks(
        *config, TlsSide::client, proxy_links,
        [&](const InNetwork& network, std::vector<std::shared_ptr<const ProxyLink>> all,
            std::shared_ptr<const TlsPsk> e2e) {
            next->networks.push_back({&network, std::move(all), std::move(e2e), {}});
        });
    for (auto& problem : find_dial_circles(*config)) problems.push_back(std::move(problem));
    for (std::size_t i = 0; i < config->networks.size(); ++i) {
        const InNetwork& network = config->networks[i];
        const auto add_problem = [&](const char* key, const std::string& problem) {
            if (problem.empty()) return;
            std::string line = name_in_file(network, i);
            line += key;
            problems.push_back(line + problem);
        };
        add_problem(".bind_unix: ", check_socket_path(network.bind_unix));
        add_problem(".bind_owner: ", check_socket_access(network.access));
    }
    if (!problems.empty()) return Failure{std::move(problems)};
    next->config = config;
    return Ready{.validities = proxy_links.validities(),
                 .look_up = [next] { look_up(*next); },
                 .commit = [this, next] { return commit(*next); }};
}

void InService::look_up(Next& next) {
    for (Parts& parts : next.networks) {
        if (is_end_pending()) return;
        if (parts.config->bind_unix.empty()) {
            parts.address = resolve_now(parts.config->listen, kStartLookup);
        }
        for (const auto& proxy_link : parts.proxy_links) {
            const HostPort& server = proxy_link->server();
            if (!is_service_name(server) || next.services.contains(proxy_link.get())) continue;
            next.services.emplace(proxy_link.get(), resolve_service_now(server.host, kStartLookup));
        }
    }
}

namespace {

/// The file of a socket that stays: it stays as it is where that can not be.
void change_access(Listener& listener, const InNetwork& config) {
    if (config.bind_unix.empty() || config.access == listener.network->config.access) return;
    const auto problem = listener.file.allow(config.access);
    if (problem) log::warning("socket not changed", {{"reason", *problem}});
}

}  // namespace

/// All that can fail comes first.
std::optional<std::string> InService::commit(const Next& next) {
    const InConfig& config = *next.config;
    const AccessLists& access = config.access;
    Before before;
    for (const auto& listener : listeners_) {
        before.listeners.emplace(place_of(listener->network->config), listener);
    }
    for (const auto& server : servers_) {
        before.servers.emplace(server->proxy_link().name(), server);
    }
    for (const auto& service : services_) {
        before.services.emplace(service->proxy_link().name(), service);
    }
    After after;
    std::vector<std::shared_ptr<const Network>> networks;
    Listeners listeners;
    for (const Parts& parts : next.networks) {
        auto group = make_group(before, after, parts, config);
        const InNetwork& network = *parts.config;
        auto listener = take_listener(before, network);
        const Rates rates = listener ? listener->network->rates : Rates{};
        networks.push_back(std::make_shared<const Network>(
            Network{next.config, network, network.allow ? *network.allow : access.allow,
                    network.deny ? *network.deny : access.deny, parts.e2e, std::move(group),
                    rates_for(network.rate, rates, workers_.main().executor())}));
        if (!listener) {
            listener = std::make_shared<Listener>(workers_.main().context());
            if (auto problem = listener->open(network, parts.address)) return problem;
        }
        listeners.push_back(std::move(listener));
    }

    std::vector<std::shared_ptr<Server>> all, fresh;
    for (const auto& [key, server] : after.servers) {
        all.push_back(server);
        // One that is kept has another link, which is like this one.
        if (&server->proxy_link() == key.first) fresh.push_back(server);
    }
    start(listeners);

    // Nothing is served by half a configuration: only now does anything change.
    Listeners begun, ended;
    for (std::size_t i = 0; i < listeners.size(); ++i) {
        Listener& listener = *listeners[i];
        const bool is_new = !listener.network;
        take_effect(networks[i]->config.rate, is_new ? Rates{} : listener.network->rates,
                    networks[i]->rates);
        if (is_new) {
            begun.push_back(listeners[i]);
            listener.file.keep();
        } else {
            change_access(listener, networks[i]->config);
        }
        listener.network = networks[i];
    }
    say("listening", begun);
    for (const auto& [place, listener] : before.listeners) listener->close();
    for (const auto& listener : listeners_) {
        if (!listener->acceptor.is_open()) ended.push_back(listener);
    }
    say("listens no more", ended);
    listeners_ = std::move(listeners);
    servers_ = std::move(all);
    take_services(after.services, next);
    streams_of_client_.set_limit(config.streams_per_client);
    for (const auto& [name, server] : before.servers) server->close();
    for (const auto& [name, service] : before.services) service->close();
    share_descriptors(config);
    show();
    look_at(fresh, config);
    return std::nullopt;
}

/// The new ones: all of them or, if memory runs out, none.
void InService::start(const Listeners& listeners) {
    try {
        for (const auto& listener : listeners) {
            if (listener->network) continue;
            spawn_for_ever(workers_.main().executor(), "listener",
                           [this, listener] { return accept(listener); });
        }
    } catch (...) {
        for (const auto& listener : listeners) {
            if (!listener->network) listener->close();
        }
        throw;
    }
}

/// Nothing: none listens there yet.
std::shared_ptr<Listener> InService::take_listener(Before& before, const InNetwork& config) {
    auto found = before.listeners.extract(place_of(config));
    return found ? std::move(found.mapped()) : nullptr;
}

/// Of this network's servers, which other networks may share.
std::shared_ptr<ServerGroup> InService::make_group(Before& before, After& after, const Parts& parts,
                                                   const InConfig& config) {
    const InNetwork& network = *parts.config;
    const Dialling dialling = dialling_of(network, config);
    std::vector<ServerGroup::Entry> all;
    for (const auto& proxy_link : parts.proxy_links) {
        const Reached reached{proxy_link.get(), dialling.fail_timeout};
        const auto take = [&](auto& places, auto& there) {
            auto& place = places[reached];
            if (!place) place = take_place(there, proxy_link, dialling);
            return place;
        };
        if (is_service_name(proxy_link->server())) {
            all.push_back({nullptr, take(after.services, before.services)});
        } else {
            all.push_back({take(after.servers, before.servers)});
        }
    }
    return std::make_shared<ServerGroup>(select_of(network, config), std::move(all));
}

/// With this proxy and these credentials: that there is, or a new one.
template <class Place>
std::shared_ptr<Place> InService::take_place(
    std::multimap<std::string, std::shared_ptr<Place>>& before,
    const std::shared_ptr<const ProxyLink>& proxy_link, const Dialling& dialling) {
    const auto [first, last] = before.equal_range(proxy_link->name());
    for (auto at = first; at != last; ++at) {
        if (!at->second->is_like(*proxy_link, dialling)) continue;
        auto place = std::move(at->second);
        before.erase(at);
        return place;
    }
    return std::make_shared<Place>(workers_, proxy_link, dialling, budget_);
}

/// One that is kept goes on asking for itself.
void InService::take_services(const Services& services, const Next& next) {
    services_.clear();
    for (const auto& [key, service] : services) {
        services_.push_back(service);
        if (&service->proxy_link() != key.first) continue;
        const auto found = next.services.find(key.first);
        if (found != next.services.end()) service->start(found->second);
    }
}

/// In the background, and not at all of many proxies at once.
void InService::look_at(const std::vector<std::shared_ptr<Server>>& servers,
                        const InConfig& config) {
    if (config.first_look == Switch::off) return;
    const auto spread = std::min<Milliseconds>(kFirstLookApart * servers.size(), kFirstLooks);
    for (const auto& server : servers) {
        const auto delay = std::chrono::duration_cast<Milliseconds>(spread * random_unit());
        spawn(workers_.main().executor(), "first look",
              first_look(workers_.main(), config.connect_timeout, server, delay));
    }
}

/// Each network needs its listener, and a stream; where clients are told why they get none, those
/// linger.
void InService::share_descriptors(const InConfig& config) {
    const std::size_t listeners = config.networks.size();
    const bool tells = std::any_of(config.networks.begin(), config.networks.end(),
                                   [](const InNetwork& network) { return bool(network.names); });
    size_link_budget(budget_, {.threads = workers_.size(),
                               .fixed = listeners + (tells ? kLastWordsMax : 0),
                               .needed = listeners * (1 + kStreamDescriptors)});
}

Task<> InService::accept(std::shared_ptr<Listener> listener) {
    while (true) {
        Worker& worker = workers_.next();
        auto client = co_await listener->acceptor.accept(worker.context());
        if (!client) co_return;
        auto network = listener->network;
        const bool is_told = speaks_for_others(*network, *client);
        std::unique_ptr<Quota::Place> of_client;
        if (!is_told && !is_let_in(*network, *client, streams_of_client_, of_client)) continue;
        auto server = network->servers->choose();
        if (!server) {
            say_refused(*client, *network, "no server of the service is known");
            continue;
        }
        auto places = server->client_places();
        if (places.count() == 0) {
            co_await server->drop_spares();
            places = server->client_places();
        }
        // What one has given up another listener may have taken.
        for (int i = 0; i < kRoomTries && places.count() == 0; ++i) {
            co_await server->end_unheard();
            places = server->client_places();
        }
        if (places.count() == 0) {
            say_refused(*client, *network, "no file descriptors left for this proxy's streams");
            continue;
        }
        ClientPlaces all{std::move(server), std::move(places), std::move(of_client)};
        spawn(worker.executor(), "client",
              is_told ? told_client_session(worker, std::move(network), std::move(client),
                                            std::move(all), streams_of_client_)
                      : session_of(worker, std::move(network), std::move(client), std::move(all)));
    }
}

void InService::show() {
    auto shown = std::make_shared<Shown>();
    for (const auto& listener : listeners_) {
        std::string address;
        for (const auto& place : listener->places) {
            address += (address.empty() ? "" : ", ") + place;
        }
        shown->places.push_back({std::move(address), listener->network});
    }
    shown_.set(std::move(shown));
}

std::optional<std::string> InService::not_ready() {
    const auto shown = shown_.get();
    if (!shown) return "it does not listen yet";
    for (const auto& [address, network] : shown->places) {
        if (network->servers->is_lost()) {
            return servers_text(network->config) + " did not answer when it was asked last";
        }
    }
    return std::nullopt;
}

void InService::add_facts(admin::Facts& facts) {
    const auto shown = shown_.get();
    if (!shown) return;
    std::map<std::string, bool> all;
    for (const auto& [address, network] : shown->places) {
        all.merge(network->servers->standing());
        if (all.size() >= kMetricsTopicsMax) break;
    }
    for (const auto& [server, up] : all) {
        if (facts.servers.size() == kMetricsTopicsMax) break;
        facts.servers.push_back({server, up});
    }
}

admin::Page InService::topics(const admin::Cut& cut) {
    admin::Page page;
    const auto shown = shown_.get();
    if (!shown) return page;
    const auto& places = shown->places;
    for (std::size_t i = cut.after; i < places.size(); ++i) {
        if (page.rows.size() == cut.limit) {
            page.next = i;
            break;
        }
        const auto& [address, network] = places[i];
        const bool lost = network->servers->is_lost();
        page.rows.push_back({{"topic", network->config.topic},
                             {"listen", address},
                             {"server", servers_text(network->config)},
                             {"state", std::string(lost ? "lost" : "listens")},
                             {"e2e", network->e2e != nullptr}});
        if (network->servers->has_several()) {
            page.rows.back().emplace_back("lost", network->servers->lost_ones());
        }
    }
    return page;
}

std::optional<std::string> InService::copy_sockets(std::vector<NamedDescriptor>& sockets) {
    for (const auto& listener : listeners_) {
        if (const auto error = listener->acceptor.copy_sockets(sockets)) return error.message();
    }
    return std::nullopt;
}

std::vector<std::string> InService::hand_over() {
    handed_over_ = true;
    return {};
}

void InService::drain() {
    for (const auto& listener : listeners_) {
        if (handed_over_) listener->file.leave();
        listener->close();
    }
    for (const auto& server : servers_) server->close();
    for (const auto& service : services_) service->close();
}

}  // namespace inout::in
