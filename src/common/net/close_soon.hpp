// Closing a connection that waits for its next use, on its own thread or from any. It is closed on
// its worker's, by a handle that ends in time.
#pragma once

#include "common/net/connection.hpp"

namespace inout {

/// A handle of its own to a connection that stays with its owner: whoever holds a weak one may
/// close the connection until this goes. Made and dropped on the connection's thread.
ConnectionPtr lend(ConnectionPtr connection);

/// What a connection that waits is good for. The last bytes of a stream may still be on their way
/// in one that carries one after another.
enum class Use : unsigned char {
    once,        ///< one stream
    again,       ///< one after another, for which we ask
    on_request,  ///< the same, for which the peer asks, and may be asking now
};

/// Closes one that waits: with RST, or, if it may be used again, with FIN. Who may be asking for a
/// stream there is told that nothing was begun (docs/protocol.md, "Nothing was begun").
void close_idle(Connection& connection, Use use);

enum class CloseIf { always, nothing_has_come };

/// close_idle() on its worker, `executor`, unless `connection` has ended by then; behind what is
/// queued there: the loop may have read a message that its owner has not seen yet. From any thread.
void close_soon(const Executor& executor, std::weak_ptr<Connection> connection, CloseIf condition,
                Use use = Use::once);

}  // namespace inout
