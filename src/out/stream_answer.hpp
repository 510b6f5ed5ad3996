// What out says to the proxy, and to in through it, while a stream is opened, and what its stream
// then is: framed, compressed. On the stream's worker; borrows the connection.
#pragma once

#include <optional>

#include "common/net/connection.hpp"
#include "common/open/opening.hpp"
#include "common/wire/message.hpp"
#include "out/network.hpp"

namespace inout::out {

/// What comes behind this request are frames, if it says so. False: it is out of turn.
bool take_framing(Connection& proxy, const DataActiveRequest& active);

/// A stream that can not be opened: says so here and to whoever asked.
Task<> give_up(std::optional<Opening>& opening, Connection& proxy, const DataActiveRequest& active,
               Reason reason);

/// Tells the proxy that its part is done, then proves to in that we have its key, and it to us. The
/// reason if that failed.
Task<std::optional<Reason>> meet_in(Connection& proxy, const Network& network,
                                    const DataActiveRequest& active);

/// Tells in, or the proxy, that the backend is there. Behind that the stream begins, compressed if
/// both sides want that. The reason if that failed.
Task<std::optional<Reason>> tell_it_is_there(Connection& proxy, const Network& network,
                                             const DataActiveRequest& active);

}  // namespace inout::out
