// What the engine of a cluster needs of a proxy's configuration. Pure; any thread.
#pragma once

#include <string>

#include "common/cluster/engine.hpp"
#include "common/config/cluster_options.hpp"

namespace inout::proxy {

/// `proxy`: the id of this process.
inline cluster::Engine::Options engine_options(const ClusterOptions& options,
                                               const std::string& proxy) {
    cluster::Engine::Options made{
        .nats = {}, .cluster = options.name, .proxy = proxy, .address = to_string(options.address)};
    for (const NatsServer& server : options.nats) made.nats.servers.push_back(server.text());
    made.nats.credentials = options.nats_credentials;
    if (options.nats_tls) {
        made.nats.ca = options.nats_tls->ca;
        made.nats.cert = options.nats_tls->cert;
        made.nats.key = options.nats_tls->key;
    }
    made.nats.name = "inout proxy " + proxy;
    return made;
}

}  // namespace inout::proxy
