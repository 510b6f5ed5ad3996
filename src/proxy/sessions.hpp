// The sessions of the proxy, one coroutine each, on the worker their connection was accepted for.
//
// first_message_session reads what the connection is for and becomes one of the others, or one of
// those of spares.hpp and probes.hpp.
#pragma once

#include "common/app/worker.hpp"
#include "common/wire/message.hpp"
#include "proxy/gatekeeper.hpp"
#include "proxy/strangers.hpp"

namespace inout::proxy {

struct ProxyState;
struct Registration;

/// A stranger: whose connection it is, if who stands in front has to say so; TLS perhaps; then one
/// message of at most kFirstFrameBodyMaxBytes, all of it within handshake_timeout.
Task<> first_message_session(ProxyState& state, Worker& worker, ConnectionPtr connection,
                             std::unique_ptr<Strangers::Stay> stay);

/// Counts a peer that was refused without an answer, and says so in the log.
void count_refused(const Connection& connection, const std::string& reason,
                   std::string_view event = "first message refused");

/// The same of one for which there is no place.
void count_refused(const Connection& connection, const Strangers::Admission& admission);

/// Who sent this request, if that one may; otherwise it is answered, counted and logged. `stay`: of
/// a stranger. `nonce`: what the proof of a later request on this connection has to cover.
/// Nothing: refused.
Task<StandingPtr> admit(ProxyState& state, Connection& connection, const Message& request,
                        Strangers::Stay* stay, std::string nonce = {});

/// An out: registers its topic and keeps the control connection (control_session.cpp).
Task<> control_session(ProxyState& state, ConnectionPtr connection, OutRequest request,
                       StandingPtr standing);

/// An out's data connection: parks it if its ticket is right, or passes it on to the proxy of the
/// cluster whose ticket it is; until then it is a stranger's (data_session.cpp).
Task<> data_session(ProxyState& state, Worker& worker, ConnectionPtr connection,
                    OutDataRequest request, Strangers::Stay& stay);

/// An out that is ending leaves the line of its topic.
void out_is_draining(ProxyState& state, const std::shared_ptr<Registration>& registration);

/// An in: finds it a data connection and starts the relay (pairing.cpp). `known`: where it comes
/// from, for as long as its stream runs.
Task<> pairing_session(ProxyState& state, Worker& worker, ConnectionPtr in, InRequest request,
                       StandingPtr standing, std::shared_ptr<Strangers::Acquaintance> known);

}  // namespace inout::proxy
