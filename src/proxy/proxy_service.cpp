#include "proxy/proxy_service.hpp"

#include "proxy/sessions.hpp"

namespace inout {

ProxyService::ProxyService(Workers& workers, const ProxyConfig& config)
    : workers_(workers), state_(config), acceptor_(workers.main().context()) {}

std::optional<std::string> ProxyService::start() {
    const auto address = acceptor_.listen(state_.config.listen);
    if (!address) return address.error();
    log::info("listening", {{"address", to_string(*address)}, {"proxy", state_.proxy_id}});
    spawn(workers_.main().executor(), "listener", accept());
    return std::nullopt;
}

Task<> ProxyService::accept() {
    while (true) {
        Worker& worker = workers_.next();
        auto connection = co_await acceptor_.accept(worker.context());
        if (!connection) co_return;
        if (!has_room()) {
            counters().refused_total.fetch_add(1, std::memory_order_relaxed);
            if (const auto held_back = refusals_.pass(); held_back >= 0) {
                log::warning("refused", {{"peer", connection->peer()},
                                         {"reason", "limits.connections or limits.handshakes"},
                                         {"held_back", held_back}});
            }
            continue;
        }
        spawn(worker.executor(), "first message",
              first_message_session(state_, worker, std::move(*connection)));
    }
}

bool ProxyService::has_room() const {
    const ProxyLimits& limits = state_.config.limits;
    if (state_.handshakes >= limits.handshakes) return false;
    return limits.connections == 0 || counters().sockets <= limits.connections;
}

void ProxyService::drain() {
    state_.draining = true;
    acceptor_.close();
    state_.warm.close();
    for (const auto& registration : state_.directory.all()) {
        registration->pool->close();
        registration->notify(NoticeCode::draining, "proxy is ending");
    }
}

}  // namespace inout
