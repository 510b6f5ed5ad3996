// The way into a proxy behind what speaks only HTTP: TLS of that front, and the opening handshake
// of WebSocket (wire/websocket_handshake). On the connection's worker.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/base/websocket_url.hpp"
#include "common/net/connection.hpp"
#include "common/tls/client.hpp"

namespace inout {

/// On a fresh connection: from then on there are frames of WebSocket. `tls` is that of the front;
/// nothing: ws. What went wrong, for people; nothing: nothing did. No deadline of its own: the
/// caller's Deadline closes the connection.
Task<std::optional<std::string>> open_websocket(Connection& connection, const WebSocketUrl& url,
                                                TlsClient* tls);

}  // namespace inout
