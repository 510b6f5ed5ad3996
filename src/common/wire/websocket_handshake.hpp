// The opening handshake of WebSocket (RFC 6455, 4): one request and one answer over HTTP/1.1.
//
// No extensions; the subprotocol is `inout`. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/address_range.hpp"
#include "common/base/websocket_url.hpp"

namespace inout {

/// What a GET begins with: no frame's header and no ClientHello does. As long as those eight bytes
/// that tell what comes.
bool is_http_get(std::string_view first);

/// A random key for one handshake, as text.
std::string new_websocket_key();
/// The whole request of a client.
std::string websocket_request(const WebSocketUrl& url, std::string_view key);
/// What is wrong with the head of the answer to that, worded to follow who gave it; nothing: from
/// here on there are frames.
std::optional<std::string> websocket_refusal(std::string_view head, std::string_view key);

/// What a server makes of the head of a request.
struct WebSocketAnswer {
    unsigned status = 0;   ///< 101: from here on there are frames
    std::string bytes;     ///< the whole answer
    std::string_view why;  ///< for the log; empty: a GET that asks for no WebSocket, or is fine
    /// For whom who asks speaks, if it says so: the last address of X-Forwarded-For. To be believed
    /// of who is trusted.
    std::optional<IpAddress> client{};
};
/// `path`: where a WebSocket may be asked for.
WebSocketAnswer answer_websocket(std::string_view head, std::string_view path);
/// To a head that is longer than it may be.
std::string websocket_too_long();

}  // namespace inout
