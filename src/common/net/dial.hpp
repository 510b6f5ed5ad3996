// Dialling: a name and a port, or a UNIX socket, to a connection, within a deadline that covers the
// look-up too. A dial runs on its caller's worker, and the connection it gives is the caller's.
#pragma once

#include <functional>
#include <string>

#include "common/base/host_port.hpp"
#include "common/net/connection.hpp"

namespace inout {

/// Why nobody was reached; what that means for a stream, its asker knows.
struct DialError {
    enum class Kind {
        unresolved,  ///< the name has no address
        timeout,     ///< no answer in time, or no way there
        refused,     ///< something is there that does not want us
        lack,        ///< something has run out here: descriptors, memory, local ports
    };
    Kind kind;
    std::string detail;   ///< the address and what the system said
    bool no_way = false;  ///< of `timeout`: the system, or a router, knows no way there
};

enum class DialOrder {
    racing,   ///< towards the proxy: a further address joins after 250 ms (RFC 8305)
    in_turn,  ///< towards a backend: racing would open stray connections there
};

/// Which of a name's addresses may be dialled; empty: all.
using MayDial = std::function<bool(const Endpoint&)>;

/// A connection never has both its ends in one socket: that counts as refused.
/// In turn, each address gets an equal share of the time that is left. `target` must outlive the
/// call: await it in the same expression.
Task<Result<ConnectionPtr, DialError>> dial(Executor executor, const HostPort& target,
                                            DialOrder order, Milliseconds timeout,
                                            MayDial may_dial = {});

/// The same to the UNIX socket at `path` (`@name`: an abstract one). Where its queue is full it is
/// tried again until `timeout`: no event tells of room there. By value, for whoever has no place to
/// keep the path in.
Task<Result<ConnectionPtr, DialError>> dial_unix(Executor executor, std::string path,
                                                 Milliseconds timeout);

}  // namespace inout
