// The header of the PROXY protocol, versions 1 and 2, by which a balancer or a relay tells the next
// one whose connection it carries (https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt).
// It stands once, before all other bytes. Nothing of it is proven: only who is trusted is asked.
//
// Pure; any thread. What comes from a peer is bounded: a line of 107 bytes, or
// kProxyHeaderMaxBytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.hpp"
#include "common/base/socket_address.hpp"

namespace inout {

/// The longest line of version 1, its CRLF included.
inline constexpr std::size_t kProxyLineMaxBytes = 107;
/// The longest header of version 2: addresses are 216 bytes at most, and what else is said, such as
/// a client's certificate's name, takes some hundred. Twice what the specification takes for safe,
/// and more; nginx's own bound is the same.
inline constexpr std::size_t kProxyHeaderMaxBytes = 4'096;

/// Where a connection came from, and where it went.
struct ProxyRoute {
    SocketAddress source, destination;

    bool operator==(const ProxyRoute&) const = default;
};

/// Where one address is IPv4 and the other is not, both are written as IPv6. Nothing: nobody's
/// address is told, which is UNKNOWN in version 1 and LOCAL in version 2.
std::string proxy_header_v1(const std::optional<ProxyRoute>& route);
std::string proxy_header_v2(const std::optional<ProxyRoute>& route);

/// A header as far as its first bytes tell.
struct ProxyHeader {
    bool is_whole = false;
    /// Its bytes or, of one that is not whole, how many are needed to say more.
    std::size_t size = 0;
    /// Nothing: LOCAL, UNKNOWN, or addresses that are not IP. The connection's own ends count.
    std::optional<ProxyRoute> route{};
};

/// Reads a header from a connection's first bytes; more may stand behind it. Called again with more
/// bytes while it is not whole, which those bytes end that can not become a header. Fails with what
/// is wrong. Of version 2 all that stands behind the addresses is passed over, but a checksum has
/// to be right.
Result<ProxyHeader, std::string> parse_proxy_header(std::string_view first);

}  // namespace inout
