#include "in/service_targets.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/net/resolver.hpp"

namespace inout::in {

ServiceTargets::ServiceTargets(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link,
                               const Dialling& dialling, Budget& budget)
    : workers_(workers), proxy_link_(std::move(proxy_link)), dialling_(dialling), budget_(budget) {}

void ServiceTargets::start(const Result<ServiceRecords, std::string>& first) {
    take(first);
    Worker& main = workers_.main();
    spawn_for_ever(main.executor(), "service",
                   [&main, self = weak_from_this()] { return follow(main, self); });
}

void ServiceTargets::close() {
    closed_ = true;
    each([](const Target& target) { target.server->close(); });
}

/// By chance up to a tenth later, lest a crowd asks at once.
Task<> ServiceTargets::follow(Worker& main, std::weak_ptr<ServiceTargets> weak) {
    Timer pause(main.context());
    while (true) {
        {
            const auto self = weak.lock();
            if (!self || self->closed_) co_return;
            const auto fresh = static_cast<double>(self->fresh_.count());
            pause.expires_after(
                Milliseconds{static_cast<std::int64_t>(fresh * (1 + random_unit() / 10))});
        }
        co_await pause.async_wait(use_result);
        const auto self = weak.lock();
        if (!self || self->closed_) co_return;
        const auto deadline = Clock::now() + kStartLookup;
        const auto answer =
            co_await resolve_service(main.executor(), self->proxy_link_->server().host, deadline);
        if (!self->closed_) self->take(answer);
    }
}

std::shared_ptr<Server> ServiceTargets::server_at(const HostPort& place) const {
    const auto found = std::find_if(targets_.begin(), targets_.end(), [&](const Target& target) {
        return target.server->proxy_link().server() == place;
    });
    return found == targets_.end() ? nullptr : found->server;
}

void ServiceTargets::take(const Result<ServiceRecords, std::string>& answer) {
    const std::string& service = proxy_link_->server().host;
    if (!answer || answer->targets.empty()) {
        fresh_ = kServiceFreshMin;
        log::limited(log::Level::warning, log::Kind::warning, "service not found", service,
                     {{"service", service},
                      {"reason", answer ? "the service is not offered" : answer.error()}});
        return;
    }
    fresh_ = answer->fresh;
    std::vector<Target> targets;
    std::string names;
    for (const ServiceTarget& each : answer->targets) {
        auto server = server_at(each.place);
        if (!server) {
            server = std::make_shared<Server>(workers_, proxy_link_->towards(each.place), dialling_,
                                              budget_);
            server->is_one_of_several();
        }
        names += (names.empty() ? "" : ", ") + *server->name();
        targets.push_back({std::move(server), each.priority});
    }
    {
        const std::lock_guard lock(Server::choosing());
        for (std::size_t i = 0; i < targets.size(); ++i) {
            // One of weight 0 is chosen rarely (RFC 2782).
            targets[i].server->candidate().weight = std::max(answer->targets[i].weight, 1U);
        }
        targets_.swap(targets);
    }
    bool changed = targets.size() != targets_.size();
    for (const Target& before : targets) {
        if (server_at(before.server->proxy_link().server())) continue;
        before.server->close();
        changed = true;
    }
    if (changed) log::info("service found", {{"service", service}, {"servers", names}});
}

}  // namespace inout::in
