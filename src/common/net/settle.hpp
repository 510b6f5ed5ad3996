// After a stream: brings its connection to where another can follow (StreamFraming).
//
// Mostly both directions have ended when the stream has, and nothing is waited for. A stream that
// was reset may still be sending: that is read and forgotten, for kFarewell at most. On the worker
// of the connection.
#pragma once

#include "common/base/once.hpp"
#include "common/net/connection.hpp"

namespace inout {

/// Whether the side that was asked for the stream wants the connection for another one.
enum class Wanted : bool { no, yes };

/// Gives `connection`, which a stream has left as reusable, to `then` when another can follow on
/// it, perhaps before this returns; never if it can not, or a responder does not want it: then it
/// is ended, so that the stream's last bytes arrive. What `then` holds goes with it.
void settle(ConnectionPtr connection, Wanted wanted, Once<void(ConnectionPtr)> then);

}  // namespace inout
