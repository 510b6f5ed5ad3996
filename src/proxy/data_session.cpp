// An out's data connection: parked at its registration, here or at another proxy of the cluster.
#include "common/net/frame_io.hpp"
#include "proxy/pass_on.hpp"
#include "proxy/service.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {
namespace {

/// Here, or at the proxy that has passed it on.
bool came_over_tls(const OutDataRequest& request, const Connection& connection) {
    return request.hop ? !request.bind.empty() : connection.tls() != nullptr;
}

}  // namespace

Task<> data_session(ProxyState& state, Worker& worker, ConnectionPtr connection,
                    OutDataRequest request, Strangers::Stay& stay) {
    const SettingsPtr settings = state.settings();
    const Gatekeeper& gatekeeper = settings->gatekeeper;
    if (belongs_elsewhere(state, request)) {
        co_await pass_on(state, worker, std::move(connection), std::move(request), stay);
        co_return;
    }
    auto registration = state.directory.registration_of(request);
    if (registration && registration->bound &&
        !gatekeeper.has_key_of(registration->identity(), request, *connection)) {
        registration = nullptr;
    }
    Response answer{.magic = request.magic, .request = "OutDataRequest", .ext = true};
    if (request.ext) answer.proxy = state.proxy_id;
    const bool may_park =
        registration && (!registration->secured || came_over_tls(request, *connection)) &&
        gatekeeper.certificate_of(request, *connection) == registration->certificate &&
        gatekeeper.allows_out(*registration->standing, registration->topic, registration->pattern);
    if (!may_park) {
        answer.code = Code::denied;
        answer.message = "no registration for this data connection";
    } else if (!registration->pool->has_room()) {
        answer.code = Code::limit;
        answer.message = "no data connection is wanted now";
        registration->pool->came_in_vain();
    }
    if (may_park) {
        const bool known =
            registration->identity().kind != Identity::Kind::anonymous || !gatekeeper.protects();
        if (known && !request.ticket.empty()) stay.leave_known();
        stay.leave();
    } else {
        stay.has_spoken();
        // Of a registration that has just ended there may be some on their way.
        if (!request.hop && !registration && !state.directory.has_just_ended(request))
            stay.failed();
    }
    if (!answer.message.empty()) {
        counters().refused_total.add();
        log::debug("data connection refused", {{"topic", request.topic},
                                               {"out", connection->peer()},
                                               {"code", to_string(answer.code)}});
        co_await refuse(*connection, std::move(answer));
        co_return;
    }
    if (!request.quiet) {
        // A fresh connection's buffer takes one small frame at once; there is nothing to wait for.
        const Message message = std::move(answer);
        if (co_await write_message(*connection, message)) co_return;
    }
    if (request.framed) connection->stay_framed();
    if (request.reuse) connection->frame(StreamFraming::Role::requester);
    registration->pool->park(std::move(connection), request.reuse);
}

}  // namespace inout::proxy
