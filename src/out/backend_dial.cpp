#include "out/backend_dial.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/wire/proxy_protocol.hpp"

namespace inout::out {
namespace {

/// Of those that refuse at once a stream tries no more than this: where all are gone, each client
/// would else knock at all of them.
constexpr unsigned kBackendTriesMax = 5;
/// A silent one gets this part of what is left, or more if there are fewer: the next one has its
/// turn while the proxy still waits, and a slow one is no silent one.
constexpr std::size_t kSilentShares = 3;

void say_rest(const Backends& backends, const Backend& backend, std::string_view event,
              log::Level level, std::string_view reason, Milliseconds rest) {
    const bool begins = rest > Milliseconds{0};
    log::limited(level, log::Kind::change, event, backends.topic() + " at " + backend.name,
                 {{"topic", backends.topic()},
                  {"backend", backend.name},
                  {begins ? "rests_ms" : "", rest.count()},
                  {begins ? "reason" : "", reason}});
}

void note_failure(Backends& backends, std::size_t index, const DialError& error) {
    const auto now = Clock::now();
    if (!backends.has_failed(index, now)) return;
    const auto rest = std::chrono::ceil<Milliseconds>(backends.rests_until(index) - now);
    say_rest(backends, *backends.at(index), "backend rests", log::Level::warning, error.detail,
             rest);
}

}  // namespace

std::string proxy_header(ProxyProtocol version, std::string_view source,
                         const Connection& backend) {
    std::optional<ProxyRoute> route;
    if (const auto client = SocketAddress::parse(source)) {
        route = {*client, {}};
        if (const Endpoint& place = backend.peer_endpoint(); place.port() != 0) {
            route->destination = to_socket_address(place);
        } else if (client->address.is_v4()) {
            // A UNIX socket has no address: all zeros, and of the same kind.
            route->destination = to_socket_address(Endpoint(Tcp::v4(), 0));
        }
    }
    return version == ProxyProtocol::v1 ? proxy_header_v1(route) : proxy_header_v2(route);
}

Task<Reached> dial_made_of(Executor executor, std::shared_ptr<const Network> network,
                           std::string topic) {
    const BackendTemplate& made = *network->config.backend_template;
    Reached reached;
    reached.use = BackendUse(network->backends->at(0));
    reached.tries = 1;
    const auto backend = made.backend_of(topic);
    if (!backend) {
        reached.error = DialError{DialError::Kind::unresolved, backend.error()};
        co_return std::move(reached);
    }
    MayDial permitted = [&made](const Endpoint& endpoint) {
        return !is_v4_mapped(endpoint) && made.may_dial(to_ip_address(endpoint));
    };
    auto dialled = co_await inout::dial(executor, *backend, DialOrder::in_turn,
                                        network->times.open_timeout, std::move(permitted));
    reached.take(std::move(dialled));
    co_return std::move(reached);
}

Task<Reached> dial_one_of(Executor executor, std::shared_ptr<Backends> backends, std::string source,
                          Milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    const std::size_t tries_max = std::min<std::size_t>(backends->size(), kBackendTriesMax);
    Backends::Tried tried;
    Reached reached;
    while (reached.tries < tries_max) {
        const auto now = Clock::now();
        if (reached.tries > 0 && now >= deadline) break;
        const auto index = backends->choose(tried, source, now, random_unit());
        if (!index) break;
        tried.set(*index);
        ++reached.tries;
        reached.use = BackendUse(backends->at(*index));
        const std::size_t left = tries_max - reached.tries + 1;
        const auto share = std::chrono::ceil<Milliseconds>(deadline - now) /
                           static_cast<long>(std::min(left, kSilentShares));
        auto dialled = co_await dial(executor, backends->at(*index)->address, share);
        reached.take(std::move(dialled));
        if (reached.connection) {
            if (backends->has_worked(*index)) {
                say_rest(*backends, *backends->at(*index), "backend is back", log::Level::info, "",
                         Milliseconds{0});
            }
            break;
        }
        // What has run out here is no fault of the backend's, and no other one helps.
        if (reached.error->kind == DialError::Kind::lack) break;
        note_failure(*backends, *index, *reached.error);
    }
    co_return std::move(reached);
}

}  // namespace inout::out
