// The meeting of in and out, end to end through the proxy: one TLS handshake over the leg's own
// layers, by which each proves that it has the key, and the words for a failure. On the worker of
// the connection, which stays its owner's.
#pragma once

#include <memory>
#include <optional>

#include "common/net/connection.hpp"
#include "common/rules/reason.hpp"

namespace inout {

/// Lays `session` over `proxy` and awaits the end of its handshake with `peer`, the other program's
/// name for the words. A Deadline over `proxy` has to run. Nothing: both have the key. The failure:
/// Code::e2e, also when the time is over; proxy_gone if the connection was lost.
Task<std::optional<Reason>> meet(Connection& proxy, std::unique_ptr<TlsSession> session,
                                 const char* peer);

}  // namespace inout
