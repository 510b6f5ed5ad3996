// The URL of a WebSocket (RFC 6455, 3), as configuration and flags give it: where a proxy is that
// is reached through what speaks only HTTP.
//
// As a place among others it is a HostPort with the whole URL as its host, and port 0. Pure
// functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/base/result.hpp"

namespace inout {

struct WebSocketUrl {
    bool tls = false;  ///< wss
    HostPort place;    ///< whom to dial
    std::string path;  ///< begins with `/`

    /// As a browser shows it: without the port that its scheme means.
    std::string text() const;
    /// What the request's Host says (RFC 9110, 7.2): as text() has it.
    std::string host_field() const;
    HostPort as_place() const { return {text(), 0}; }
};

/// Where the URL has none.
inline constexpr std::string_view kWebSocketPath = "/inout";

/// Reads `ws://HOST[:PORT][/PATH]` or `wss://…`. The failure is worded as parse_host_port's.
Result<WebSocketUrl, std::string> parse_websocket_url(std::string_view text);
/// Of a place that is_websocket_url().
WebSocketUrl websocket_url_of(const HostPort& place);

/// What is wrong with a path, worded to follow it; nothing if it is fine: `/` and what RFC
/// 3986, 3.3 lets stand there, at most kWebSocketPathMaxBytes.
std::optional<std::string> check_websocket_path(std::string_view path);

}  // namespace inout
