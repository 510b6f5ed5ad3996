#include "out/service.hpp"

#include <algorithm>

#include "common/app/link_budget.hpp"

namespace inout::out {

Result<Ready, ConfigProblems> OutService::prepare(std::shared_ptr<const OutConfig> config) {
    auto next = std::make_shared<Next>();
    ProxyLinks proxy_links;
    ConfigProblems problems = load_networks(
        *config, TlsSide::server, proxy_links,
        [&](const OutNetwork& network, std::vector<std::shared_ptr<const ProxyLink>> all,
            std::shared_ptr<const TlsPsk> e2e) {
            next->networks.push_back({&network, std::move(all.front()), std::move(e2e)});
        });
    if (!problems.empty()) return Failure{std::move(problems)};
    next->config = std::move(config);
    return Ready{.validities = proxy_links.validities(),
                 .commit = [this, next] { return commit(*next); }};
}

/// All that can fail comes first.
std::optional<std::string> OutService::commit(const Next& next) {
    ProxiesBefore before;
    for (const Proxy& proxy : proxies_) before.emplace(proxy.link->name(), proxy);
    std::map<const ProxyLink*, Proxy> proxies;
    Links links;
    std::vector<std::shared_ptr<ControlLink>> fresh;
    std::vector<std::pair<ControlLink*, std::shared_ptr<const Network>>> kept;
    auto shown = std::make_shared<std::vector<Shown>>();
    for (const Parts& parts : next.networks) {
        Proxy& proxy = proxies[parts.proxy_link.get()];
        if (!proxy.link) proxy = take_proxy(before, parts);
        Name name(parts.config->server, parts.config->topic);
        const auto found = links_.find(name);
        const Rates before_rates =
            found != links_.end() ? found->second->network()->rates : Rates{};
        auto network = std::make_shared<const Network>(
            Network{*parts.config, Times(*next.config), proxy.link, parts.e2e, proxy.data_links,
                    rates_for(parts.config->rate, before_rates, workers_.main().executor())});
        shown->push_back({network, nullptr});
        std::shared_ptr<ControlLink> link;
        if (found != links_.end()) {
            link = found->second;
            kept.emplace_back(link.get(), std::move(network));
        } else {
            link = std::make_shared<ControlLink>(workers_.main(), workers_, std::move(network));
            fresh.push_back(link);
        }
        shown->back().position = link->position();
        links.emplace(std::move(name), std::move(link));
    }
    std::vector<Proxy> all;
    all.reserve(proxies.size());
    for (auto& [link, proxy] : proxies) all.push_back(std::move(proxy));
    start(fresh);

    for (auto& [link, network] : kept) {
        take_effect(network->config.rate, link->network()->rates, network->rates);
        link->set_network(std::move(network));
    }
    shown_.set(std::move(shown));
    links_.swap(links);
    for (const auto& [name, link] : links) {
        if (!links_.contains(name)) link->remove();
    }
    proxies_ = std::move(all);
    share_descriptors(next.networks.size());
    return std::nullopt;
}

/// The one there is with these credentials, or a new one.
OutService::Proxy OutService::take_proxy(const ProxiesBefore& before, const Parts& parts) {
    const auto [first, last] = before.equal_range(parts.proxy_link->name());
    for (auto at = first; at != last; ++at) {
        if (at->second.link->is_like(*parts.proxy_link)) return at->second;
    }
    return {parts.proxy_link, std::make_shared<DataLinks>(budget_)};
}

/// All of them or, if memory runs out, none.
void OutService::start(const std::vector<std::shared_ptr<ControlLink>>& links) {
    try {
        for (const auto& link : links) {
            spawn_for_ever(workers_.main().executor(), "control link",
                           [link] { return link->run(); });
        }
    } catch (...) {
        for (const auto& link : links) link->remove();
        throw;
    }
}

/// Each network needs its control connection, what a proxy usually keeps parked, and a backend.
void OutService::share_descriptors(std::size_t networks) {
    constexpr std::size_t kUsuallyParked = 2;
    size_link_budget(budget_, {.threads = workers_.size(),
                               .fixed = networks,
                               .needed = networks * (1 + kUsuallyParked + 1)});
}

admin::Page OutService::topics(const admin::Cut& cut) {
    admin::Page page;
    const auto shown = shown_.get();
    for (std::size_t i = cut.after; shown && i < shown->size(); ++i) {
        if (page.rows.size() == cut.limit) {
            page.next = i;
            break;
        }
        const Network& network = *(*shown)[i].network;
        const int position = *(*shown)[i].position;
        const bool is_registered = position != ControlLink::kUnregistered;
        const char* const of_registered = position == 0 ? "holds" : "waits";
        admin::Row row{{"topic", network.config.topic},
                       {"backend", to_string(network.config.backend)},
                       {"server", to_string(network.config.server)},
                       {"state", std::string(is_registered ? of_registered : "unregistered")},
                       {"e2e", network.e2e != nullptr}};
        if (is_registered) row.emplace_back("position", std::int64_t{position});
        page.rows.push_back(std::move(row));
    }
    return page;
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

void OutService::drain() {
    for (const auto& [name, link] : links_) link->drain();
}

}  // namespace inout::out
