// One client of in: asks the proxy for a stream to the topic and hands both connections to the
// relay. Every failure is an RST for the client.
#pragma once

#include "common/app/worker.hpp"
#include "in/network.hpp"

namespace inout {

/// `places` has the descriptors of both connections.
Task<> client_session(Worker& worker, const InConfig& config, const Network& network,
                      Connection client, Budget::Places places);

}  // namespace inout
