// What answers at a proxy's address, asked without a stream: who we are is said, and what comes
// back is judged. On the worker of the connection.
#pragma once

#include <string>

#include "common/open/proxy_link.hpp"

namespace inout {

/// What came back.
struct Look {
    enum class What {
        reached,      ///< a proxy that takes us in, though maybe no spare connection
        refused,      ///< a proxy that does not
        older,        ///< a proxy, which does not understand the question
        ended,        ///< without an answer: an older proxy, or something else
        unreachable,  ///< no proxy, or a silent one
    };
    What what;
    std::string reason;  ///< why not; empty if reached
    Response response{};
    ConnectionPtr connection;
    bool is_spare = false;  ///< a stream may follow on it
};

/// Introduces us on a fresh connection. `probe`: no stream will follow, only questions.
Task<Look> look_at(const ProxyLink& proxy_link, ConnectionPtr connection, Milliseconds timeout,
                   bool probe = false);

}  // namespace inout
