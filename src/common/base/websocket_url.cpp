#include "common/base/websocket_url.hpp"

#include <algorithm>

#include "common/base/websocket_limits.hpp"

namespace inout {
namespace {

constexpr std::string_view kPlainScheme = "ws://", kSecureScheme = "wss://";
constexpr std::uint16_t kHttpPort = 80, kHttpsPort = 443;

std::uint16_t default_port(bool tls) { return tls ? kHttpsPort : kHttpPort; }

bool is_path_character(char c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return letter || std::string_view("/-._~!$&'()*+,;=:@%").find(c) != std::string_view::npos;
}

std::string shown_host(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

/// HOST, HOST:PORT or [IPV6], [IPV6]:PORT.
Result<HostPort, std::string> parse_authority(std::string_view text, std::uint16_t port) {
    const bool has_port = text.ends_with(']') ? false : text.rfind(':') != text.npos;
    const bool is_bare_ipv6 = !text.starts_with('[') && std::ranges::count(text, ':') > 1;
    if (has_port || is_bare_ipv6) return parse_host_port(text);
    return parse_host_port(std::string(text) + ":" + std::to_string(port));
}

}  // namespace

std::string WebSocketUrl::host_field() const {
    const std::string host = shown_host(place.host);
    return place.port == default_port(tls) ? host : host + ":" + std::to_string(place.port);
}

std::string WebSocketUrl::text() const {
    return std::string(tls ? kSecureScheme : kPlainScheme) + host_field() + path;
}

std::optional<std::string> check_websocket_path(std::string_view path) {
    if (!path.starts_with('/')) return "must begin with /";
    if (path.size() > kWebSocketPathMaxBytes) {
        return "must be at most " + std::to_string(kWebSocketPathMaxBytes) + " bytes";
    }
    if (!std::ranges::all_of(path, is_path_character)) {
        return "must be a path alone: no query, no spaces, other letters percent-encoded";
    }
    return std::nullopt;
}

Result<WebSocketUrl, std::string> parse_websocket_url(std::string_view text) {
    const std::string quoted = '"' + std::string(text) + "\" ";
    WebSocketUrl url;
    url.tls = text.starts_with(kSecureScheme);
    if (!url.tls && !text.starts_with(kPlainScheme)) {
        return Failure{quoted + "must begin with ws:// or wss://"};
    }
    text.remove_prefix(url.tls ? kSecureScheme.size() : kPlainScheme.size());
    const std::string_view authority = text.substr(0, text.find_first_of("/?#"));
    text.remove_prefix(authority.size());
    if (authority.find('@') != authority.npos) {
        return Failure{quoted + "must have no user: who we are says \"auth\""};
    }
    auto place = parse_authority(authority, default_port(url.tls));
    if (!place) return Failure{place.error()};
    url.place = {canonical_host(place->host), place->port};
    url.path = text.empty() ? kWebSocketPath : text;
    if (const auto problem = check_websocket_path(url.path)) {
        return Failure{quoted + "has a path that " + *problem};
    }
    return url;
}

WebSocketUrl websocket_url_of(const HostPort& place) {
    return parse_websocket_url(place.host).value();
}

}  // namespace inout
