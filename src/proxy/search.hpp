// The search for who serves a stream: first at the outs that are registered here, then, in a
// cluster, at the other proxies. What its parts share. In the frame of the stream's session, on its
// worker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/app/spare_pool.hpp"
#include "common/net/local_address.hpp"
#include "common/open/opening.hpp"
#include "common/relay/early_data.hpp"
#include "proxy/service.hpp"
#include "proxy/tries.hpp"

namespace inout::proxy {

struct Found {
    ConnectionPtr data{};    ///< open towards the backend
    std::string out_name{};  ///< Response::out of who has it
    bool zstd = false;       ///< who has it compresses it, as was offered
    // Of an out that is registered here.
    DataPool::Lease lease{};
    std::shared_ptr<Registration> registration{};
    std::optional<CountedHere> given{};  ///< goes before what it is counted in
    // Of another proxy: whose connection that is, and its name.
    std::shared_ptr<SparePool> spares{};
    Destination proxy{};
    // If there is no data:
    Reason refusal{Code::none, {}};
    bool untouched = true;   ///< no out may have begun anything
    bool elsewhere = false;  ///< none here is left for it, and another proxy may have one
    unsigned tries = 1;
};

/// What all tries of a stream have in common.
struct Search {
    ProxyState& state;
    Worker& worker;
    const Opening& opening;
    Connection& in;
    EarlyData& early;
    const InRequest& request;
    const Standing& standing;  ///< of who asks for it
    const ProxyConfig& config;
    const Clock::time_point give_up_at = Clock::now() + config.open_timeout + config.answer_timeout;
    /// How long a topic, or a data connection, that is not there is waited for.
    const Clock::time_point wait_until = give_up_at - config.answer_timeout;
    Tried tried{request.tried};
    const Choice choice{dispatch_of(config, request.topic), source_of(opening.client())};
    OutTries tries{give_up_at};
    Found found{};  ///< when it is open

    /// The client's address and port, as far as somebody vouches for it: who asks, if that one is
    /// believed; else we, who have seen where that one is. Not by X-Forwarded-For (port 0): nobody
    /// has said that who is trusted is a web server, and others pass on what strangers write.
    std::string source() const {
        const bool told = state.settings()->gatekeeper.may_tell_client(standing);
        const auto client = SocketAddress::parse(request.hop ? request.source : request.client);
        if (told && client) return client->text();
        const bool is_said = in.is_websocket() && in.peer_endpoint().port() == 0;
        return to_socket_address(is_said ? far_endpoint(in.fd()) : in.peer_endpoint()).text();
    }
    /// Whether other proxies may be asked: of a request of one of them, none.
    bool may_go_on() const { return state.cluster != nullptr && !request.hop; }
    /// No stream; what an out has said before counts more.
    Found fails(const Reason& reason) const {
        return {.refusal = tries.reason(reason),
                .untouched = tries.is_untouched(),
                .tries = tries.count()};
    }
    Found fails(Code code, std::string detail) const { return fails({code, std::move(detail)}); }
};

/// Tries the outs that are registered here, each where that has cost the client nothing. Where no
/// other proxy may be asked it waits for a topic that was here a moment ago.
Task<Found> find_here(Search& search);
/// Tries the other proxies that have the topic, in the same way. `here`: why nobody here has it.
/// Requires may_go_on().
Task<Found> find_elsewhere(Search& search, Reason here);
/// The one, then the other, and both again while the topic may be back in a moment.
Task<Found> find_way(Search& search);

}  // namespace inout::proxy
