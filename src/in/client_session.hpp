// One client of in: asks a proxy of its network for a stream to the topic, another one where that
// is safe and the first can not serve it, and hands both connections to the relay. Every failure is
// an RST for the client. On the worker that the client was given to; its frame owns both
// connections until the relay has them.
#pragma once

#include "common/app/worker.hpp"
#include "in/network.hpp"
#include "in/tries.hpp"

namespace inout::in {

Task<> client_session(Worker& worker, std::shared_ptr<const Network> network, ConnectionPtr client,
                      ClientPlaces places);

}  // namespace inout::in
