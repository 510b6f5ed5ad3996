#include "common/net/connect.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/log.hpp"
#include "common/net/resolver.hpp"

namespace inout {
namespace {

/// The attempts of one dial. Their handlers share it, because an attempt may end after the dial.
struct Attempts {
    explicit Attempts(const Executor& executor) : wake(executor) {}
    Timer wake;  // condition variable of the dialling coroutine
    std::vector<std::unique_ptr<Socket>> sockets;
    std::optional<std::size_t> winner;
    std::size_t failed = 0;
    DialError error{Code::backend_timeout, "no address answered in time"};
};

/// One error line for all dials that fail so within a few seconds.
void report_out_of_resources(const std::error_code& error) {
    static log::RateLimit limit;
    if (const auto held_back = limit.pass(); held_back >= 0) {
        log::error("cannot dial", {{"reason", error.message()}, {"held_back", held_back}});
    }
}

void note_failure(Attempts& attempts, const Endpoint& endpoint, const std::error_code& error) {
    ++attempts.failed;
    if (out_of_resources(error)) report_out_of_resources(error);
    const bool refused = error == asio::error::connection_refused;
    // "Refused" says more than "unreachable": something is there.
    if (refused || attempts.error.code != Code::backend_refused) {
        attempts.error = {refused ? Code::backend_refused : Code::backend_timeout,
                          to_string(endpoint) + ": " + error.message()};
    }
}

void start_attempt(const std::shared_ptr<Attempts>& attempts, const Executor& executor,
                   const Endpoint& endpoint) {
    const std::size_t index = attempts->sockets.size();
    attempts->sockets.push_back(std::make_unique<Socket>(executor));
    Socket& socket = *attempts->sockets.back();
    std::error_code error;
    socket.open(endpoint.protocol(), error);
    if (error) {
        note_failure(*attempts, endpoint, error);
        return;
    }
    set_connection_options(socket.native_handle());
    socket.async_connect(endpoint, [attempts, endpoint, index](std::error_code failure) {
        // Given up meanwhile (a success may have been on its way): counted there.
        if (!attempts->sockets[index]->is_open()) return;
        if (failure) {
            note_failure(*attempts, endpoint, failure);
        } else if (!attempts->winner) {
            attempts->winner = index;
        }
        attempts->wake.cancel();
    });
}

/// Its share of the time is over. Attempts that have failed are closed and counted already.
void give_up_last(Attempts& attempts) {
    Socket& last = *attempts.sockets.back();
    if (attempts.failed == attempts.sockets.size()) return;
    ++attempts.failed;
    last.close();
}

/// Alternates the families, beginning with the resolver's first (RFC 8305, 4).
void interleave_families(std::vector<Endpoint>& endpoints) {
    if (endpoints.empty()) return;
    const bool v6_first = endpoints.front().address().is_v6();
    const auto other =
        std::stable_partition(endpoints.begin(), endpoints.end(),
                              [&](const Endpoint& e) { return e.address().is_v6() == v6_first; });
    std::vector<Endpoint> mixed;
    auto a = endpoints.begin();
    auto b = other;
    while (a != other || b != endpoints.end()) {
        if (a != other) mixed.push_back(*a++);
        if (b != endpoints.end()) mixed.push_back(*b++);
    }
    endpoints = std::move(mixed);
}

}  // namespace

Task<Result<Connection, DialError>> dial(Executor executor, const HostPort& target, DialOrder order,
                                         Milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    Resolved resolved = co_await resolve(executor, target, deadline);
    if (resolved.endpoints.empty()) {
        co_return Failure{
            DialError{Code::backend_unresolved, to_string(target) + ": " + resolved.error}};
    }
    std::vector<Endpoint>& endpoints = resolved.endpoints;
    if (order == DialOrder::racing) interleave_families(endpoints);

    auto attempts = std::make_shared<Attempts>(executor);
    attempts->error.detail = to_string(target) + ": " + attempts->error.detail;
    std::size_t started = 0;
    auto next_start = Clock::now();
    while (!attempts->winner) {
        const auto now = Clock::now();
        if (now >= deadline) break;
        const bool all_failed = attempts->failed == started;
        if (started < endpoints.size() && (all_failed || now >= next_start)) {
            if (order == DialOrder::in_turn && started > 0) give_up_last(*attempts);
            start_attempt(attempts, executor, endpoints[started]);
            ++started;
            const auto left =
                static_cast<long long>(endpoints.size()) - static_cast<long long>(started) + 1;
            next_start = now + (order == DialOrder::racing ? kConnectionAttemptDelay
                                                           : (deadline - now) / left);
            continue;
        }
        if (all_failed && started == endpoints.size()) break;
        attempts->wake.expires_at(started < endpoints.size() ? std::min(next_start, deadline)
                                                             : deadline);
        co_await attempts->wake.async_wait(use_result);
    }
    if (!attempts->winner) {
        for (auto& socket : attempts->sockets) socket->close();
        co_return Failure{attempts->error};
    }
    Connection connection(std::move(*attempts->sockets[*attempts->winner]));
    for (auto& socket : attempts->sockets) socket->close();
    co_return std::move(connection);
}

}  // namespace inout
