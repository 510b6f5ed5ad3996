// What a connection begins with: the frame of its first message, TLS, or a request over HTTP for a
// WebSocket, in which one of the other two follows. The first eight bytes tell.
//
// On the connection's worker. Everything before an identity is hostile: bounded, and timed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/wire/message.hpp"
#include "proxy/service.hpp"

namespace inout::proxy {

struct FirstMessage {
    std::optional<Message> message{};
    std::string problem{};      ///< if there is no message
    bool monitor = false;       ///< it only looked whether we are here
    bool no_tls = false;        ///< its source has a penalty, and a handshake would cost too much
    bool was_answered = false;  ///< over HTTP, and no more is to be said
};

/// Until then. Behind a front that is trusted the client that it names takes the place of the stay;
/// no stay afterwards: that one was refused, which is logged.
Task<FirstMessage> read_first_message(ProxyState& state, const Settings& settings,
                                      const ConnectionPtr& owned,
                                      std::unique_ptr<Strangers::Stay>& stay,
                                      Clock::time_point until);

}  // namespace inout::proxy
