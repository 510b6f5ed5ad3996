// The sessions of the proxy, one coroutine each, on the worker their connection was accepted for.
//
// first_message_session reads what the connection is for and becomes one of the other three.
#pragma once

#include "common/app/worker.hpp"
#include "common/protocol/message.hpp"

namespace inout {

struct ProxyState;

/// A stranger: one message, within handshake_timeout and kFirstFrameBodyMaxBytes.
Task<> first_message_session(ProxyState& state, Worker& worker, Connection connection);

/// An out: registers its topic and keeps the control connection (control_session.cpp).
Task<> control_session(ProxyState& state, Connection connection, OutRequest request);

/// An out's data connection: parks it (control_session.cpp).
Task<> data_session(ProxyState& state, Worker& worker, Connection connection,
                    OutDataRequest request);

/// An in: finds it a data connection and starts the relay (pairing.cpp).
Task<> pairing_session(ProxyState& state, Worker& worker, Connection in, InRequest request);

}  // namespace inout
