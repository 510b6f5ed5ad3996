// A client that says by a host's name which topic it wants, as to a forward proxy: SOCKS4a, SOCKS5,
// or HTTP (InNetwork::names). It is heard, its name is judged, and it goes on as a client_session
// of that topic, or of the exit's. What becomes of that it is told as its protocol has it. On the
// worker that the client was given to.
#pragma once

#include "common/app/worker.hpp"
#include "in/network.hpp"
#include "in/tries.hpp"

namespace inout::in {

/// Within kNameTime. Until then it has its places, and gives them up to a newer one if there are no
/// others, so that no crowd of silent ones takes those of others. Requires a network with names.
Task<> named_client_session(Worker& worker, std::shared_ptr<const Network> network,
                            ConnectionPtr client, ClientPlaces places);

}  // namespace inout::in
