#include "out/forward_exit.hpp"

#include <optional>
#include <utility>

#include "common/net/deadline.hpp"
#include "common/net/dial.hpp"
#include "common/os/socket.hpp"
#include "common/wire/forward_reader.hpp"
#include "out/exit.hpp"

namespace inout::out {
namespace {

Reason gone(const Connection& stream, const std::error_code& error) {
    if (stream.has_expired()) return {Code::open_timeout, "the client asked for nothing in time"};
    return {Code::proxy_gone, "before it asked for a destination: " + error.message()};
}

/// Why a conversation came to no request.
Reason refusal(const ForwardReader& reader) {
    if (!reader.protocol()) return {Code::malformed, "the client speaks neither SOCKS nor HTTP"};
    const std::string who = "the " + std::string(to_string(*reader.protocol())) + " client ";
    switch (reader.failure()) {
        case ForwardFailure::credentials:
            return {Code::denied, who + "has no user and password that are known"};
        case ForwardFailure::command:
            return {Code::malformed, who + "asks for something else than a connection"};
        default: return {Code::malformed, who + "asks in no right way"};
    }
}

/// The conversation up to the request. Nothing: there is one in `reader`.
Task<std::optional<Exited>> converse(Connection& stream, ForwardReader& reader,
                                     Milliseconds timeout) {
    Deadline deadline(stream);
    deadline.expires_after(timeout);
    while (true) {
        auto step = reader.feed(stream.unread());
        stream.take(step.taken);
        if (!step.answer.empty()) {
            const auto error = co_await stream.write_all(step.answer);
            if (error) co_return Exited{.reason = gone(stream, error)};
        }
        if (step.state == ForwardReader::State::request) break;
        if (step.state == ForwardReader::State::refused) {
            co_return Exited{.reason = refusal(reader), .was_told = true};
        }
        if (!stream.unread().empty()) continue;  // it has not waited for the answer
        const auto error = co_await stream.read_ahead(1);
        if (error) co_return Exited{.reason = gone(stream, error)};
    }
    deadline.cancel();
    co_return std::nullopt;
}

/// What became of the addresses of a name, for what its client is told.
struct Judged {
    bool any_permitted = false, any_forbidden = false;
};

/// An IPv4 address inside an IPv6 one is no way to write a permitted one.
bool may_dial(const DestinationRules& rules, const HostPort& target, const Endpoint& endpoint) {
    const bool is_own = is_own_address(*endpoint.data(), endpoint.size());
    return !is_v4_mapped(endpoint) && rules.may_dial(target, to_ip_address(endpoint), is_own);
}

struct Destination {
    ConnectionPtr connection{};
    ForwardFailure failure = ForwardFailure::general;
    Reason reason{Code::none, {}};
};

Task<Destination> reach(Executor executor, std::shared_ptr<const Network> network,
                        HostPort target) {
    const DestinationRules& rules = network->config.exit->rules;
    const std::string name = to_string(target);
    Destination there;
    const auto judged = std::make_shared<Judged>();
    if (rules.may_ask(target)) {
        MayDial permitted = [&rules, &target, judged](const Endpoint& endpoint) {
            const bool may = may_dial(rules, target, endpoint);
            (may ? judged->any_permitted : judged->any_forbidden) = true;
            return may;
        };
        auto dialled = co_await inout::dial(executor, target, DialOrder::racing,
                                            network->times.open_timeout, std::move(permitted));
        if (dialled) {
            there.connection = std::move(*dialled);
            co_return std::move(there);
        }
        there.failure = failure_of(dialled.error());
        there.reason = {code_of(dialled.error().kind), name + ": " + dialled.error().detail};
    } else {
        judged->any_forbidden = true;
    }
    if (judged->any_forbidden && !judged->any_permitted) {
        there.failure = ForwardFailure::not_allowed;
        there.reason = {Code::denied, name + " may not be dialled from here"};
    }
    co_return std::move(there);
}

}  // namespace

ForwardFailure failure_of(const DialError& error) {
    switch (error.kind) {
        case DialError::Kind::unresolved: return ForwardFailure::unresolved;
        case DialError::Kind::refused: return ForwardFailure::refused;
        case DialError::Kind::lack: return ForwardFailure::limit;
        case DialError::Kind::timeout: break;
    }
    return error.no_way ? ForwardFailure::unreachable : ForwardFailure::timeout;
}

Task<Exited> serve_client(Connection& stream, std::shared_ptr<const Network> network) {
    const Milliseconds timeout = network->times.open_timeout;
    ForwardReader reader(network->users.get());
    auto over = co_await converse(stream, reader, timeout);
    if (over) co_return std::move(*over);

    const ForwardRequest& request = reader.request();
    Deadline deadline(stream);
    if (request.kind != ForwardRequest::Kind::connect) {
        deadline.expires_after(timeout);
        const std::string answer = forward_failure(request.protocol, ForwardFailure::command);
        co_await stream.write_all(answer);
        co_return Exited{.reason = {Code::malformed,
                                    "the HTTP client asks for a page: an exit "
                                    "carries connections (CONNECT) only"},
                         .was_told = true};
    }
    Exited exited;
    exited.destination = std::make_shared<const std::string>(to_string(request.target));
    HostPort target = request.target;
    auto there = co_await reach(stream.executor(), std::move(network), std::move(target));
    exited.reason = std::move(there.reason);
    const std::string answer = there.connection ? forward_success(request.protocol)
                                                : forward_failure(request.protocol, there.failure);
    deadline.expires_after(timeout);
    const auto error = co_await stream.write_all(answer);
    if (error) {
        exited.reason = {Code::proxy_gone,
                         stream.has_expired() ? "takes no bytes" : error.message()};
        co_return std::move(exited);
    }
    deadline.cancel();
    exited.connection = std::move(there.connection);
    exited.was_told = true;
    co_return std::move(exited);
}

}  // namespace inout::out
