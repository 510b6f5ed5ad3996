#include "common/net/dial.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "common/base/log.hpp"
#include "common/net/address_memory.hpp"
#include "common/net/resolver.hpp"
#include "common/os/socket.hpp"

namespace inout {
namespace {

using Kind = DialError::Kind;

/// The attempts of one dial. Their handlers share it, because an attempt may end after the dial.
struct Attempts {
    explicit Attempts(const Executor& executor) : wake(executor) {}
    Timer wake;  // condition variable of the dialling coroutine
    std::vector<ConnectionPtr> connections;
    std::vector<Endpoint> endpoints;  // of these
    std::optional<std::size_t> winner;
    std::size_t failed = 0;
    DialError error{Kind::timeout, "no address answered in time"};
};

/// However a dial ends, by an exception too: handlers of its attempts may hold them for minutes.
struct ClosedAtEnd {
    explicit ClosedAtEnd(std::shared_ptr<Attempts> of) : attempts(std::move(of)) {}
    ClosedAtEnd(const ClosedAtEnd&) = delete;
    ClosedAtEnd& operator=(const ClosedAtEnd&) = delete;
    ~ClosedAtEnd() {
        for (const auto& connection : attempts->connections) {
            if (connection) connection->close();
        }
    }
    const std::shared_ptr<Attempts> attempts;
};

void report_out_of_resources(const std::error_code& error) {
    const std::string reason = error.message();
    log::limited(log::Level::error, log::Kind::warning, "cannot dial", reason,
                 {{"reason", reason}});
}

/// The kind and the words of a failed attempt.
DialError describe(const Endpoint& endpoint, const std::error_code& error) {
    const std::string place = to_string(endpoint);
    const std::string words = place + ": " + error.message();
    const int number = error.category() == asio::error::get_system_category() ? error.value() : 0;
    switch (number) {
        case EMFILE:
        case ENFILE:
            return {Kind::lack,
                    place + ": no file descriptors left here (" + error.message() + ")"};
        case ENOBUFS:
        case ENOMEM: return {Kind::lack, place + ": no memory left here"};
        case EADDRNOTAVAIL:
            if (!has_own_address_towards(*endpoint.data(), endpoint.size())) {
                return {Kind::timeout, words};
            }
            return {Kind::lack,
                    "no local port left towards " + place + " (net.ipv4.ip_local_port_range)"};
        // Something is there that does not want us: a reset may come right behind the handshake.
        case ECONNRESET:
        case EPIPE: return {Kind::refused, place + ": connection reset at once"};
        case ECONNREFUSED: return {Kind::refused, words};
        case ENETUNREACH:
        case EHOSTUNREACH: return {Kind::timeout, words, true};
        default: return {Kind::timeout, words};
    }
}

/// What one address says outweighs what another does not: that something has run out here must be
/// mended here; "refused" says more than "unreachable", because something is there.
int weight(Kind kind) { return kind == Kind::lack ? 2 : kind == Kind::refused ? 1 : 0; }

void note_failure(Attempts& attempts, DialError failure) {
    ++attempts.failed;
    if (weight(failure.kind) >= weight(attempts.error.kind)) attempts.error = std::move(failure);
}

void note_failure(Attempts& attempts, const Endpoint& endpoint, const std::error_code& error) {
    if (out_of_resources(error)) report_out_of_resources(error);
    note_failure(attempts, describe(endpoint, error));
}

/// A dial to a free port in the range of local ports may be given that very port; then it connects
/// to itself (simultaneous open, RFC 9293, 3.5), and whoever dials gets its own bytes back.
bool met_itself(int fd, const Endpoint& other) {
    Endpoint own;
    std::size_t size = own.capacity();
    if (!own_address(fd, *own.data(), size)) return false;
    own.resize(size);
    return own == other;
}

std::error_code system_error(int error) { return {error, asio::error::get_system_category()}; }

void give_up_attempt(Attempts& attempts, std::size_t index, const std::error_code& error) {
    note_failure(attempts, attempts.endpoints[index], error);
    attempts.connections[index]->close();
}

/// Notes the end of an attempt if it is there. On the same host it is there at once: no event is
/// awaited then.
void look_at_attempt(const std::shared_ptr<Attempts>& attempts, std::size_t index) {
    Connection& connection = *attempts->connections[index];
    // Given up meanwhile (a success may have been on its way): counted there.
    if (!connection.is_open()) return;
    const ConnectState state = connect_state(connection.fd());
    if (state == ConnectState::pending) {
        connection.until_output([attempts, index](std::error_code error) {
            if (!error) {
                look_at_attempt(attempts, index);
            } else if (attempts->connections[index]->is_open()) {
                give_up_attempt(*attempts, index, error);  // the event loop did not take it
                attempts->wake.cancel();
            }
        });
        return;
    }
    const Endpoint& endpoint = attempts->endpoints[index];
    if (const int error = state == ConnectState::connected ? 0 : connection.take_error();
        error != 0) {
        give_up_attempt(*attempts, index, system_error(error));
    } else if (met_itself(connection.fd(), endpoint)) {
        note_failure(*attempts,
                     {Kind::refused, to_string(endpoint) + ": nobody listens there (the connection "
                                                           "met itself)"});
        connection.close();
    } else if (!attempts->winner) {
        attempts->winner = index;
    }
    attempts->wake.cancel();
}

void start_attempt(const std::shared_ptr<Attempts>& attempts, const Executor& executor,
                   const Endpoint& endpoint) {
    UniqueFd fd = begin_connect(*endpoint.data(), endpoint.size());
    const int error = fd ? 0 : errno;
    attempts->endpoints.push_back(endpoint);
    attempts->connections.push_back(std::make_shared<Connection>(executor, std::move(fd), endpoint,
                                                                 Connection::Origin::dialled));
    Connection& connection = *attempts->connections.back();
    if (error != 0) {
        give_up_attempt(*attempts, attempts->connections.size() - 1, system_error(error));
    } else {
        connection.expect_connect();
        look_at_attempt(attempts, attempts->connections.size() - 1);
    }
}

/// Its share of the time is over. Attempts that have failed are closed and counted already.
void give_up_last(Attempts& attempts) {
    if (attempts.failed == attempts.connections.size()) return;
    ++attempts.failed;
    attempts.connections.back()->close();
}

AddressMemory& address_memory() {
    static auto* memory = new AddressMemory;  // never destroyed: workers may outlive main()
    return *memory;
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

Task<Result<ConnectionPtr, DialError>> dial(Executor executor, const HostPort& target,
                                            DialOrder order, Milliseconds timeout,
                                            MayDial may_dial) {
    const auto deadline = Clock::now() + timeout;
    Resolved resolved = co_await resolve(executor, target, deadline);
    if (resolved.endpoints.empty()) {
        co_return Failure{DialError{Kind::unresolved, to_string(target) + ": " + resolved.error}};
    }
    std::vector<Endpoint>& endpoints = resolved.endpoints;
    if (may_dial) {
        std::erase_if(endpoints, [&](const Endpoint& each) { return !may_dial(each); });
        if (endpoints.empty()) {
            co_return Failure{DialError{
                Kind::unresolved, to_string(target) + ": none of its addresses may be dialled"}};
        }
    }
    if (order == DialOrder::racing) interleave_families(endpoints);
    address_memory().order(endpoints, Clock::now());

    auto attempts = std::make_shared<Attempts>(executor);
    const ClosedAtEnd closed_at_end(attempts);
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
        co_return Failure{attempts->error};
    }
    const std::size_t winner = *attempts->winner;
    const auto first = attempts->endpoints.begin();
    const std::vector<Endpoint> in_vain(first, first + static_cast<std::ptrdiff_t>(winner));
    address_memory().answered(attempts->endpoints[winner], in_vain, Clock::now());
    co_return std::move(attempts->connections[winner]);
}

}  // namespace inout
