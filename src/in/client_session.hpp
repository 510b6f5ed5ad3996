// One client of in: asks the proxy for a stream to the topic and hands both connections to the
// relay. Every failure is an RST for the client.
#pragma once

#include "common/app/worker.hpp"
#include "in/network.hpp"
#include "in/warm_pool.hpp"

namespace inout {

Task<> client_session(Worker& worker, const InConfig& config, const Network& network,
                      WarmPool& warm, Connection client);

}  // namespace inout
