// The last words to a client whose protocol can say why it gets no stream (in/named_client), which
// are to arrive. Keeps a count of those who linger for that, for the whole program; any thread,
// each on the worker of its client.
#pragma once

#include <cstddef>
#include <string>

#include "common/net/connection.hpp"
#include "in/tries.hpp"

namespace inout::in {

/// Clients that have been told, and may linger at the same time: with a descriptor of their own and
/// no place in the limits, so that no crowd of those who fail takes those of others.
inline constexpr std::size_t kLastWordsMax = 64;

/// Gives its places back but for the server, says it, and ends the connection within kFarewell: as
/// say_farewell() or, where kLastWordsMax linger already, at once, which costs the words only who
/// goes on sending.
Task<> say_last(Connection& client, std::string words, ClientPlaces& places);

}  // namespace inout::in
