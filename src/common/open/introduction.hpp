// The first message on a connection that no stream waits for: who we are, and that the proxy may
// keep it as a spare one. docs/protocol.md, "Spare connections". On the worker of the connection.
#pragma once

#include "common/open/ask.hpp"
#include "common/open/proxy_link.hpp"
#include "common/rules/budget.hpp"

namespace inout {

/// What such a message asks for, as Response::request has it.
inline constexpr std::string_view kIntroduction = "InWarmRequest";

/// Sends it and awaits the answer. No deadline of its own. `probe`: only questions will follow.
Task<Heard> introduce(const ProxyLink& proxy_link, Connection& connection, bool probe = false);

/// Ends a fresh connection that nobody needs any more. A proxy that has shaken hands for nothing
/// would take us for a stranger, and after some of these refuse our whole site: it is told who we
/// are. One without TLS may be closed without a word. `places`: of its descriptor, until it is
/// closed.
Task<> leave(std::shared_ptr<const ProxyLink> proxy_link, Budget::Places places,
             ConnectionPtr connection);

}  // namespace inout
