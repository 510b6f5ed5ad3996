#include "in/told_client.hpp"

#include <optional>

#include "common/base/counters.hpp"
#include "common/base/log.hpp"
#include "common/net/deadline.hpp"
#include "common/net/proxy_header_io.hpp"
#include "in/client_session.hpp"
#include "in/named_client.hpp"

namespace inout::in {
namespace {

/// A header that is lost three times on its way is there after 7 s (RFC 6298, 2: after a second,
/// and then twice as long each time).
constexpr Milliseconds kProxyHeaderTime{10'000};

}  // namespace

void say_refused(const Connection& client, const Network& network, std::string_view reason) {
    counters().refused_total.add();
    log::limited(log::Level::warning, log::Kind::warning, "client refused", client.source(),
                 {{"client", client.peer()}, {"topic", network.config.topic}, {"reason", reason}});
}

bool speaks_for_others(const Network& network, const Connection& client) {
    return network.config.proxy_protocol &&
           any_contains(network.all->trusted, client.peer_address());
}

bool is_let_in(const Network& network, const Connection& client, Quota& streams_of_client,
               std::unique_ptr<Quota::Place>& place) {
    const bool is_near = client.credentials().has_value();  // its file has let it in
    if (!is_near && !may_connect(network.allow, network.deny, client.peer_address())) {
        say_refused(client, network, "allow and deny");
        return false;
    }
    const auto address = client.peer_address().source().bytes;
    const std::string source =
        is_near ? client.source() : std::string(address.begin(), address.end());
    if (!streams_of_client.take(source, place)) {
        say_refused(client, network, "limits.streams_per_client");
        return false;
    }
    return true;
}

Task<> session_of(Worker& worker, std::shared_ptr<const Network> network, ConnectionPtr client,
                  ClientPlaces places) {
    return network->config.names
               ? named_client_session(worker, std::move(network), std::move(client),
                                      std::move(places))
               : client_session(worker, std::move(network), std::move(client), std::move(places));
}

Task<> told_client_session(Worker& worker, std::shared_ptr<const Network> network,
                           ConnectionPtr client, ClientPlaces places, Quota& streams_of_client) {
    std::optional<Unheard::Stay> stay(std::in_place, places.server->unheard(), client);
    Deadline deadline(*client);
    deadline.expires_after(kProxyHeaderTime);
    const auto header = co_await receive_proxy_header(*client);
    deadline.cancel();
    if (!header) {
        if (stay->has_made_room()) {
            say_refused(*client, *network, kMadeRoom);
            co_return;
        }
        // Whoever stands in front looks whether we are here.
        if (header.error().was_silent) co_return;
        say_refused(*client, *network, header.error().reason);
        co_return;
    }
    stay.reset();
    if (!is_let_in(*network, *client, streams_of_client, places.of_client)) co_return;
    co_await session_of(worker, std::move(network), std::move(client), std::move(places));
}

}  // namespace inout::in
