// How in and out go through what stands in front of a proxy and speaks HTTP. Values; any thread
// reads them.
#pragma once

#include <compare>
#include <string>

namespace inout {

/// TLS of the front, for servers with `wss://`. `tls` is ours, inside of that.
struct WebSocketOptions {
    std::string ca;           ///< file (PEM) of the certificates to trust; empty: the system's
    std::string server_name;  ///< what the front's certificate must be for; empty: the URL's host

    auto operator<=>(const WebSocketOptions&) const = default;
};

}  // namespace inout
