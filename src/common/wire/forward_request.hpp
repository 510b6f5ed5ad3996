// ForwardRequest: what the client of a forward proxy asks for, whichever protocol it speaks: SOCKS4
// and 4a, SOCKS5 (RFC 1928, 1929), or HTTP (RFC 9110, 9.3.6; RFC 9112, 3.2). And the answers.
//
// Values and pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/wire/http_content.hpp"

namespace inout {

enum class ForwardProtocol { socks4, socks5, http };

/// As the log has it.
std::string_view to_string(ForwardProtocol protocol);

struct ForwardRequest {
    enum class Kind {
        connect,   ///< a connection to `target`; what follows is its stream
        absolute,  ///< HTTP to be fetched from `target`: GET http://HOST/PATH
        path,      ///< HTTP to whoever answers here: GET /PATH
    };
    Kind kind = Kind::connect;
    ForwardProtocol protocol = ForwardProtocol::socks5;
    /// A name, or a literal in its shortest form without a zone; empty for a `path`.
    HostPort target{};
    std::string user{};  ///< who has asked, as far as it says so
    // HTTP only:
    std::string method{}, path{};  ///< of `absolute` and `path`: what begins with the slash
    /// Of `absolute` and `path` the request as it came, up to the empty line that ends its fields.
    /// Who passes it on has to leave Proxy-Authorization out. Its content, if it has any, follows.
    std::string head{};
    /// Of `absolute`: where that ends, and another request may begin.
    HttpContent content{};
};

/// Why a client does not get what it asks for.
enum class ForwardFailure {
    general,      ///< something here
    not_allowed,  ///< not to this destination
    unresolved,   ///< no such name
    unreachable,  ///< no way to it
    refused,      ///< nobody is at that port
    timeout,      ///< no answer in time
    limit,        ///< too many at once: later
    command,      ///< the protocol has it, and it is not done here: BIND, UDP ASSOCIATE
    address,      ///< no known kind of address
    credentials,  ///< no user, or not with this password
    malformed,    ///< not what the protocol says
    too_long,     ///< the head of an HTTP request is longer than kHttpHeadMaxBytes
    version,      ///< HTTP, and neither 1.0 nor 1.1
};

/// A destination as a peer names it: names in lower case and without a dot at their end, literals
/// in their shortest form. Nothing: it is none, as port 0, an address with a zone, which is
/// nobody's but the peer's, and what a resolver would take for an address though it is not written
/// as one.
std::optional<HostPort> forward_target(std::string_view host, std::uint16_t port);

/// What says that the stream begins, behind which it does.
std::string forward_success(ForwardProtocol protocol);
/// What says why not, behind which the connection ends. SOCKS5 has its replies (RFC 1928, 6),
/// SOCKS4 has one for all, HTTP has a status.
std::string forward_failure(ForwardProtocol protocol, ForwardFailure failure);

}  // namespace inout
