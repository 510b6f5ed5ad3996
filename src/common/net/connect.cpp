#include "common/net/connect.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
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
    std::vector<std::unique_ptr<Connection>> connections;
    std::optional<std::size_t> winner;
    std::size_t failed = 0;
    DialError error{Code::backend_timeout, "no address answered in time"};
};

void report_out_of_resources(const std::error_code& error) {
    const std::string reason = error.message();
    log::limited(log::Level::error, log::Kind::warning, "cannot dial", reason,
                 {{"reason", reason}});
}

void note_failure(Attempts& attempts, const std::string& address, const std::error_code& error) {
    ++attempts.failed;
    if (out_of_resources(error)) report_out_of_resources(error);
    const bool refused = error == asio::error::connection_refused;
    // "Refused" says more than "unreachable": something is there.
    if (refused || attempts.error.code != Code::backend_refused) {
        attempts.error = {refused ? Code::backend_refused : Code::backend_timeout,
                          address + ": " + error.message()};
    }
}

std::error_code system_error(int error) { return {error, asio::error::get_system_category()}; }

/// What poll(2) says now of a connection that is being made: 0 while it is, POLLOUT alone when it
/// is there.
int connect_state(int fd) {
    pollfd state{fd, POLLOUT, 0};
    return ::poll(&state, 1, 0) > 0 ? state.revents : 0;
}

/// Notes the end of an attempt if it is there. On the same host it is there at once: no event is
/// awaited then.
void look_at_attempt(const std::shared_ptr<Attempts>& attempts, std::size_t index) {
    Connection& connection = *attempts->connections[index];
    // Given up meanwhile (a success may have been on its way): counted there.
    if (!connection.is_open()) return;
    const int state = connect_state(connection.fd());
    if (state == 0) {
        connection.socket().async_wait(Socket::wait_write, [attempts, index](std::error_code) {
            look_at_attempt(attempts, index);
        });
        return;
    }
    if (const int error = state == POLLOUT ? 0 : connection.take_error(); error != 0) {
        note_failure(*attempts, connection.peer(), system_error(error));
        connection.close();
    } else if (!attempts->winner) {
        attempts->winner = index;
    }
    attempts->wake.cancel();
}

void start_attempt(const std::shared_ptr<Attempts>& attempts, const Executor& executor,
                   const Endpoint& endpoint) {
    const int fd =
        ::socket(endpoint.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? errno : 0;
    if (error == 0) {
        set_connection_options(fd);
        const auto size = static_cast<socklen_t>(endpoint.size());
        const bool failed = ::connect(fd, endpoint.data(), size) != 0;
        if (failed && errno != EINPROGRESS && errno != EINTR) error = errno;
    }
    attempts->connections.push_back(
        std::make_unique<Connection>(executor, fd, endpoint, Connection::Origin::dialled));
    Connection& connection = *attempts->connections.back();
    if (error == 0 && !connection.is_open()) error = ENOMEM;  // epoll_ctl(2) did not take it
    if (error != 0) {
        note_failure(*attempts, connection.peer(), system_error(error));
        connection.close();
    } else {
        look_at_attempt(attempts, attempts->connections.size() - 1);
    }
}

/// Its share of the time is over. Attempts that have failed are closed and counted already.
void give_up_last(Attempts& attempts) {
    if (attempts.failed == attempts.connections.size()) return;
    ++attempts.failed;
    attempts.connections.back()->close();
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
        for (auto& connection : attempts->connections) connection->close();
        co_return Failure{attempts->error};
    }
    Connection connection = std::move(*attempts->connections[*attempts->winner]);
    for (auto& other : attempts->connections) other->close();
    co_return std::move(connection);
}

}  // namespace inout
