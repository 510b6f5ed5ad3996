#include "out/service.hpp"

#include <algorithm>

#include "common/app/link_budget.hpp"
#include "out/exit_users.hpp"

namespace inout::out {

struct OutService::Made {
    ProxiesBefore before;
    std::map<const ProxyLink*, Proxy> proxies;
    Links links;
    std::vector<std::shared_ptr<ControlLink>> fresh;
    std::vector<std::pair<ControlLink*, std::shared_ptr<const Network>>> kept;
    Checks checks, fresh_checks;
    std::multimap<const Backends*, ControlLink*> links_of;
    std::shared_ptr<std::vector<Shown>> shown = std::make_shared<std::vector<Shown>>();
};

Result<Ready, ConfigProblems> OutService::prepare(std::shared_ptr<const OutConfig> config) {
    auto next = std::make_shared<Next>();
    ProxyLinks proxy_links;
    ConfigProblems problems = load_networks(
        *config, TlsSide::server, proxy_links,
        [&](const OutNetwork& network, std::vector<std::shared_ptr<const ProxyLink>> links,
            std::shared_ptr<const TlsPsk> e2e) {
            next->networks.push_back({&network, std::move(links), std::move(e2e), nullptr});
        });
    for (Parts& parts : next->networks) {
        auto users = load_users(*parts.config);
        if (users) {
            parts.users = std::move(*users);
        } else {
            const auto index = parts.config - config->networks.data();
            problems.push_back("networks[" + std::to_string(index) + "]." + users.error());
        }
    }
    if (!problems.empty()) return Failure{std::move(problems)};
    next->config = std::move(config);
    return Ready{.validities = proxy_links.validities(),
                 .commit = [this, next] { return commit(*next); }};
}

/// All that can fail comes first.
std::optional<std::string> OutService::commit(const Next& next) {
    Made made;
    for (const Proxy& proxy : proxies_) made.before.emplace(proxy.link->name(), proxy);
    for (const Parts& parts : next.networks) make_network(made, parts, *next.config);
    std::vector<Proxy> all;
    all.reserve(made.proxies.size());
    for (auto& [link, proxy] : made.proxies) all.push_back(std::move(proxy));
    start(made);

    for (auto& [link, network] : made.kept) {
        take_effect(network->config.rate, link->network()->rates, network->rates);
        link->set_network(std::move(network));
    }
    shown_.set(std::move(made.shown));
    links_.swap(made.links);
    links_of_.swap(made.links_of);
    checks_.swap(made.checks);
    for (const auto& [name, link] : made.links) {
        if (!links_.contains(name)) link->remove();
    }
    for (const auto& [backends, check] : made.checks) {
        if (!checks_.contains(backends)) check->stop();
    }
    proxies_ = std::move(all);
    share_descriptors(links_.size());
    return std::nullopt;
}

/// At each of its servers; what is there of it already stays: its links and its backends, and its
/// name, which is the same at all of them.
void OutService::make_network(Made& made, const Parts& parts, const OutConfig& config) {
    const auto servers = servers_of(*parts.config);
    std::shared_ptr<const Network> before;
    std::shared_ptr<OutName> name;
    for (const ServerAddress& server : servers) {
        const auto found = links_.find(Name(server.place(), parts.config->topic));
        if (found == links_.end()) continue;
        before = found->second->network();
        name = found->second->name();
        break;
    }
    if (!before) name = std::make_shared<OutName>();
    const bool same = before && before->backends->is_like(*parts.config);
    auto backends =
        same ? before->backends
             : std::make_shared<Backends>(*parts.config, before ? before->backends.get() : nullptr);
    const Rates rates =
        rates_for(parts.config->rate, before ? before->rates : Rates{}, workers_.main().executor());
    for (std::size_t i = 0; i < servers.size(); ++i) {
        const Proxy proxy = take_proxy(made, parts.proxy_links[i], budget_);
        auto network =
            std::make_shared<Network>(Network{*parts.config, Times(config), proxy.link, parts.e2e,
                                              proxy.data_links, rates, backends, parts.users});
        network->config.server = servers[i].place();
        make_link(made, std::move(network), name);
    }
    if (!backends->health()) return;
    if (const auto kept = checks_.find(backends); kept != checks_.end()) {
        made.checks.insert(*kept);
        return;
    }
    auto check =
        std::make_shared<HealthCheck>(workers_.main(), backends, questions_,
                                      [this, which = backends.get()] { backends_changed(which); });
    made.fresh_checks.emplace(backends, check);
    made.checks.emplace(std::move(backends), std::move(check));
}

void OutService::make_link(Made& made, std::shared_ptr<const Network> network,
                           const std::shared_ptr<OutName>& out_name) {
    Name name(network->config.server, network->config.topic);
    made.shown->push_back({network, nullptr});
    const auto backends = network->backends;
    std::shared_ptr<ControlLink> link;
    if (const auto found = links_.find(name); found != links_.end()) {
        link = found->second;
        made.kept.emplace_back(link.get(), std::move(network));
    } else {
        link =
            std::make_shared<ControlLink>(workers_.main(), workers_, std::move(network), out_name);
        made.fresh.push_back(link);
    }
    made.shown->back().position = link->position();
    if (backends->health()) made.links_of.emplace(backends.get(), link.get());
    made.links.emplace(std::move(name), std::move(link));
}

/// The one there is with these credentials, or a new one.
OutService::Proxy OutService::take_proxy(Made& made,
                                         const std::shared_ptr<const ProxyLink>& proxy_link,
                                         Budget& budget) {
    Proxy& proxy = made.proxies[proxy_link.get()];
    if (proxy.link) return proxy;
    const auto [first, last] = made.before.equal_range(proxy_link->name());
    const auto found = std::find_if(
        first, last, [&](const auto& each) { return each.second.link->is_like(*proxy_link); });
    proxy = found != last ? found->second : Proxy{proxy_link, std::make_shared<DataLinks>(budget)};
    return proxy;
}

/// All that is new or, if memory runs out, nothing.
void OutService::start(const Made& made) {
    try {
        for (const auto& [backends, check] : made.fresh_checks) check->start();
        for (const auto& link : made.fresh) {
            spawn_for_ever(workers_.main().executor(), "control link",
                           [link] { return link->run(); });
        }
    } catch (...) {
        for (const auto& link : made.fresh) link->remove();
        for (const auto& [backends, check] : made.fresh_checks) check->stop();
        throw;
    }
}

/// All of them are down, or are no longer.
void OutService::backends_changed(const Backends* backends) {
    const auto [first, last] = links_of_.equal_range(backends);
    for (auto at = first; at != last; ++at) at->second->look_at_backends();
}

/// Each registration needs its control connection, what a proxy usually keeps parked, and a
/// backend; and so many backends may be asked at the same time whether they work.
void OutService::share_descriptors(std::size_t registrations) {
    constexpr std::size_t kUsuallyParked = 2;
    std::size_t asked = 0;
    for (const auto& [backends, check] : checks_) asked += backends->size();
    const std::size_t fixed = registrations + std::min(asked, QuestionRoom::kMax);
    size_link_budget(budget_, {.threads = workers_.size(),
                               .fixed = fixed,
                               .needed = fixed + registrations * (kUsuallyParked + 1)});
}

std::optional<std::size_t> OutService::kick_topic(const std::string& topic) {
    const auto shown = shown_.get();
    if (!shown) return 0;
    const auto count = std::count_if(shown->begin(), shown->end(), [&topic](const Shown& each) {
        return each.network->config.topic == topic;
    });
    asio::post(workers_.main().executor(), [this, topic] {
        for (const auto& [name, link] : links_) {
            if (name.second == topic) link->register_anew();
        }
    });
    return static_cast<std::size_t>(count);
}

/// It has none: the next one registers its topics, and takes them over from this one.
std::optional<std::string> OutService::copy_sockets(std::vector<NamedDescriptor>&) {
    return std::nullopt;
}

void OutService::drain() {
    for (const auto& [backends, check] : checks_) check->stop();
    for (const auto& [name, link] : links_) link->drain();
}

}  // namespace inout::out
