// Whose connection this is, said by who stands in front of us (wire/proxy_protocol.hpp). On the
// worker of the connection, which stays its owner's; no byte behind the header is taken.
#pragma once

#include <string>

#include "common/net/connection.hpp"
#include "common/wire/proxy_protocol.hpp"

namespace inout {

struct NoProxyHeader {
    std::string reason;
    bool was_silent = false;  ///< it went without a byte, as the check of a balancer does
};

/// Reads the header. From then on the connection's peer is the one that it names, if it does. No
/// deadline of its own: the caller's Deadline closes the connection.
Task<Result<ProxyHeader, NoProxyHeader>> receive_proxy_header(Connection& connection);

}  // namespace inout
