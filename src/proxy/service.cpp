#include "proxy/service.hpp"

#include <algorithm>

#include "common/os/descriptors.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {
namespace {

/// Once, at the start, rather than when the first client is refused.
void warn_of_few_descriptors(const ProxyLimits& limits) {
    const ProxyLimits usual;
    std::size_t needed = limits.connections;
    const auto asks_for = [&needed](std::size_t connections, std::size_t by_default) {
        if (connections != by_default) needed = std::max(needed, connections);
    };
    asks_for(2 * limits.streams_per_topic, 2 * usual.streams_per_topic);
    asks_for(2 * limits.streams_per_key, 2 * usual.streams_per_key);
    asks_for(2 * limits.handshakes, 2 * usual.handshakes);
    const std::size_t there = descriptors_for({.connections = 0});
    if (needed <= there) return;
    log::warning("too few descriptors",
                 {{"needed", needed},
                  {"available", there},
                  {"reason",
                   "the limits ask for more connections than there are file "
                   "descriptors: raise LimitNOFILE (ulimit -n), or lower the limits"}});
}

}  // namespace

std::size_t descriptors_for(const ProxyLimits& limits) {
    // Without what pipes may have and what is kept back.
    // Where there are only some dozens, shares of them would serve nobody: the acceptor's reserve
    // is what holds then.
    const std::size_t limit = descriptor_limit();
    const std::size_t all = std::max(descriptors_for_streams(limit, kOwnThreads, 0), limit / 2);
    return limits.connections > 0 ? std::min(all, limits.connections) : all;
}

std::size_t descriptors_in_use() { return counters().sockets; }

std::string words(DescriptorBudget::Verdict verdict) {
    return verdict == DescriptorBudget::Verdict::none_left
               ? "no file descriptors left at the proxy"
               : "this key, certificate or address has as many connections as it may";
}

DescriptorBudget::Owner ProxyState::owner_of(const Identity& identity,
                                             const Connection& connection) const {
    if (identity.kind != Identity::Kind::anonymous) return {.name = to_string(identity)};
    return {.name = connection.source(),
            .anonymous = gatekeeper.protects(),
            .shared = any_contains(config.trusted, connection.peer_address())};
}

void ProxyState::relieve(std::size_t in_use) {
    if (!budget.is_tight(in_use)) return;
    const Clock::rep now = Clock::now().time_since_epoch().count();
    Clock::rep last = relieved_;
    if (now - last < Clock::duration(kReliefPause).count()) return;
    if (!relieved_.compare_exchange_strong(last, now)) return;
    for (const auto& registration : directory.all()) registration->pool->shed();
    // A request may be on its way on a spare connection and be lost with it: only if clients would
    // be refused instead.
    if (budget.is_spent(in_use)) spares.shed();
}

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
    warn_of_few_descriptors(state_.config.limits);
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
        auto [stay, reason, crowded, penalty] = state_.strangers.admit(connection);
        if (!stay) {
            // Who would ask for room is not even let in: limits.connections.
            state_.relieve(descriptors_in_use());
            counters().refused_total.add();
            log::limited(log::Level::warning, log::Kind::warning, "refused", connection->source(),
                         {{"peer", connection->peer()},
                          {"reason", reason},
                          {"penalty_ms", penalty.count()}});
            continue;
        }
        spawn(worker.executor(), "first message",
              first_message_session(state_, worker, std::move(connection), std::move(stay)));
        // In a crowd the next one has to wait until this one's worker has seen to those who are
        // there: they may have spoken, and only who has not makes room.
        if (crowded) co_await asio::post(worker.executor(), use_result);
    }
}

void ProxyService::drain() {
    state_.draining = true;
    acceptor_.close();
    state_.spares.close();
    state_.directory.close();
    for (const auto& registration : state_.directory.all()) {
        registration->pool->close();
        registration->notify(NoticeCode::draining, "proxy is ending");
    }
}

}  // namespace inout::proxy
