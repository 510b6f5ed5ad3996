// Closing a connection from any thread. It is closed on its worker's, by a handle that ends in
// time.
#pragma once

#include "common/net/connection.hpp"

namespace inout {

/// A handle of its own to a connection that stays with its owner: whoever holds a weak one may
/// close the connection until this goes. Made and dropped on the connection's thread.
ConnectionPtr lend(ConnectionPtr connection);

enum class CloseIf { always, nothing_has_come };

/// Closes it on its worker, `executor`, unless `connection` has ended by then; behind what is
/// queued there: the loop may have read a message that its owner has not seen yet. From any thread.
void close_soon(const Executor& executor, std::weak_ptr<Connection> connection, CloseIf condition);

}  // namespace inout
