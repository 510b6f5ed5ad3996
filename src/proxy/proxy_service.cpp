#include "proxy/proxy_service.hpp"

#include "proxy/sessions.hpp"

namespace inout {

ProxyService::ProxyService(Workers& workers, const ProxyConfig& config)
    : workers_(workers), state_(config), acceptor_(workers.main().context()) {}

ConfigProblems ProxyService::load() {
    ConfigProblems problems = state_.gatekeeper.load();
    const auto& options = state_.config.tls;
    if (options && options->mode != TlsMode::off) {
        auto server = TlsServer::make(*options);
        if (server) {
            state_.tls = std::move(*server);
            certificates_.add(state_.tls->validities());
        } else {
            problems.push_back(server.error());
        }
    }
    certificates_.warn();
    return problems;
}

std::optional<std::string> ProxyService::start() {
    const auto addresses = acceptor_.listen(state_.config.listen);
    if (!addresses) return addresses.error();
    for (const Endpoint& address : *addresses) {
        log::info("listening", {{"address", to_string(address)}, {"proxy", state_.proxy_id}});
    }
    spawn_for_ever(workers_.main().executor(), "listener", [this] { return accept(); });
    spawn_for_ever(workers_.main().executor(), "certificates",
                   [this] { return certificates_.run(workers_.main().executor()); });
    return std::nullopt;
}

Task<> ProxyService::accept() {
    while (true) {
        Worker& worker = workers_.next();
        auto connection = co_await acceptor_.accept(worker.context());
        if (!connection) co_return;
        auto [place, reason, crowded, penalty] =
            state_.strangers.admit(worker.executor(), connection->peer_address());
        if (!place) {
            counters().refused_total.fetch_add(1, std::memory_order_relaxed);
            log::limited(log::Level::warning, log::Kind::warning, "refused", connection->source(),
                         {{"peer", connection->peer()},
                          {"reason", reason},
                          {"penalty_ms", penalty.count()}});
            continue;
        }
        try {
            spawn(worker.executor(), "first message",
                  first_message_session(state_, worker, std::move(*connection), place));
        } catch (const std::bad_alloc&) {
            state_.strangers.forget(*place);
            throw;
        }
        // In a crowd the next one has to wait until this one's worker has seen to those who are
        // there: they may have spoken, and only who has not makes room.
        if (crowded) co_await asio::post(worker.executor(), use_result);
    }
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
