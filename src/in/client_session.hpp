// One client of in: asks a proxy of its network for a stream to the topic, another one where that
// is safe and the first can not serve it, and hands both connections to the relay. Every failure is
// an RST for the client, unless it speaks a protocol that can say why. On the worker that the
// client was given to; its frame owns both connections until the relay has them.
#pragma once

#include <memory>
#include <string>

#include "common/app/worker.hpp"
#include "common/wire/forward_request.hpp"
#include "in/network.hpp"
#include "in/tries.hpp"

namespace inout::in {

class SingleRequest;

/// What a client has asked for that says more than where it has come (in/named_client).
struct Entrance {
    std::string topic;
    ForwardProtocol protocol;
    bool asks_exit = false;               ///< an exit answers `first` before the stream begins
    std::string first{};                  ///< what the client's bytes begin with
    std::string success{};                ///< for the client, before the stream's bytes
    std::shared_ptr<const TlsPsk> e2e{};  ///< for the topic; nothing: not encrypted end to end
    /// A layer of the client's connection, where the stream is one request over HTTP; else nothing.
    SingleRequest* single = nullptr;
};

/// Without an entrance it gets the network's topic.
Task<> client_session(Worker& worker, std::shared_ptr<const Network> network, ConnectionPtr client,
                      ClientPlaces places, std::unique_ptr<const Entrance> entrance = nullptr);

}  // namespace inout::in
