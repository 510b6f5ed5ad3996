// What the control link and the data links of one registration share.
//
// Data links run on all workers; the control link on one. Thread-safe.
#pragma once

#include <atomic>
#include <string>

#include "common/net/connection_list.hpp"
#include "common/protocol/config.hpp"

namespace inout {

struct Registration {
    Registration(const OutConfig& out_config, const OutNetwork& out_network)
        : config(out_config), network(out_network) {}

    const OutConfig& config;
    const OutNetwork& network;
    std::string ticket;    ///< empty at a 0.0.1 proxy
    std::string proxy_id;  ///< empty at a 0.0.1 proxy
    bool quiet = false;    ///< the proxy needs not answer parked connections
    std::atomic<bool> draining{false};
    ConnectionList parked{kPoolHardMax};  ///< dialling or parked; closed when this is over

    void drain() {
        draining = true;
        parked.close();
    }
};

}  // namespace inout
