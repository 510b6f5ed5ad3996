// Closing a connection that waits for its next use, on its own thread or from any. It is closed on
// its worker's, by a handle that ends in time.
#pragma once

#include "common/net/connection.hpp"

namespace inout {

/// A handle of its own to a connection that stays with its owner: whoever holds a weak one may
/// close the connection until this goes. Made and dropped on the connection's thread.
ConnectionPtr lend(ConnectionPtr connection);

/// Whether a connection carries one stream, or one after another. The last bytes of a stream may
/// still be on their way in one that waits for the next.
enum class Use : bool { once, again };

/// Closes one that waits: with RST, or, if it may be used again, with FIN.
void close_idle(Connection& connection, Use use);

enum class CloseIf { always, nothing_has_come };

/// close_idle() on its worker, `executor`, unless `connection` has ended by then; behind what is
/// queued there: the loop may have read a message that its owner has not seen yet. From any thread.
void close_soon(const Executor& executor, std::weak_ptr<Connection> connection, CloseIf condition,
                Use use = Use::once);

}  // namespace inout
