// HostPort: a host name or address literal with a TCP port, as configuration and flags give it.
//
// Nothing is looked up here: names are checked for their letters only. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"

namespace inout {

/// `host` is a name, an IPv4 or an IPv6 literal, the latter without brackets.
struct HostPort {
    std::string host;
    std::uint16_t port = 0;

    auto operator<=>(const HostPort&) const = default;
};

/// Both families' wildcard: a listener there takes IPv4 too (ipv6(7), IPV6_V6ONLY off).
inline constexpr std::string_view kAllAddresses = "::";

enum class AddressOf {
    server,    ///< HOST:PORT
    backend,   ///< [HOST:]PORT, without a host on this machine
    listener,  ///< [HOST:]PORT, without a host on 127.0.0.1; `*` or nothing before the colon is all
               ///< addresses; port 0: the kernel chooses
};

/// Reads an address, an IPv6 literal in brackets (`[::1]:80`). The failure says what is wrong and,
/// where it can be told, what to write.
Result<HostPort, std::string> parse_host_port(std::string_view text,
                                              AddressOf use = AddressOf::server);

/// `host:port`, with brackets around an IPv6 literal; of a service its name, of a WebSocket its
/// URL.
std::string to_string(const HostPort& address);

/// What is wrong with a host, worded to follow its key ("must not be empty"); nothing if it is
/// fine. Fine are IPv4 and IPv6 literals (a zone is allowed) and names of letters, digits, `-` and
/// `_`, at most 63 bytes between dots and 253 in all (RFC 1035, 2.3.4). What ends in a number is an
/// address and must be a whole one: the resolver would read `127.1` as 127.0.0.1 and `10.0.0.300`
/// as a name. Says what to write instead where that is certain: for a URL, a port, a host with its
/// port, a name in other letters than ASCII's.
std::optional<std::string> check_host(std::string_view host);

/// Whether it is an IPv4 or IPv6 literal, without a zone.
bool is_address_literal(std::string_view host);

/// Whether it stands for the name of a service (RFC 2782), which has no port: it is 0.
inline bool is_service_name(const HostPort& place) {
    return place.port == 0 && place.host.starts_with('_');
}
/// What is wrong with such a name, worded to follow it; nothing if it is fine. It is
/// `_SERVICE._PROTOCOL.DOMAIN`.
std::optional<std::string> check_service_name(std::string_view name);
/// The domain of a service without a problem.
std::string domain_of_service(std::string_view name);

/// Whether it stands for the URL of a WebSocket (base/websocket_url), which has its port in it.
inline bool is_websocket_url(const HostPort& place) {
    return place.port == 0 && (place.host.starts_with("ws://") || place.host.starts_with("wss://"));
}

/// One spelling for each host, to compare by: lower case, no dot at the end, the shortest form of
/// an IPv6 literal, IPv4 for an IPv4-mapped one. Requires a host without a problem.
std::string canonical_host(std::string_view host);

}  // namespace inout
