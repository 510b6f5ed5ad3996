// One client of in: asks the proxy for a stream to the topic and hands both connections to the
// relay. Every failure is an RST for the client. On the worker that the client was given to; its
// frame owns both connections until the relay has them.
#pragma once

#include "common/app/worker.hpp"
#include "common/rules/quota.hpp"
#include "in/network.hpp"

namespace inout::in {

/// What a client has in the limits, until its stream has ended.
struct ClientPlaces {
    Budget::Places descriptors;  ///< of both connections
    std::unique_ptr<Quota::Place> of_client;
};

Task<> client_session(Worker& worker, std::shared_ptr<const Network> network, ConnectionPtr client,
                      ClientPlaces places);

}  // namespace inout::in
