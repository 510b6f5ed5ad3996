// What the control link and the data links of one registration share.
//
// Data links run on all workers; the control link on one. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "out/network.hpp"

namespace inout::out {

struct Registration {
    explicit Registration(const Network& n) : network(n) {}

    const Network& network;
    std::string ticket;    ///< empty at a 0.0.1 proxy
    std::string proxy_id;  ///< empty at a 0.0.1 proxy
    bool quiet = false;    ///< the proxy needs not answer parked connections
    bool retry = false;    ///< the proxy asks elsewhere where nothing was begun
    std::atomic<bool> draining{false};
    /// Dialling or parked; closed when this is over.
    const std::shared_ptr<DataLinks::Group> links = std::make_shared<DataLinks::Group>();

    void close_links() const { network.links->close(*links); }
    void drain() {
        draining = true;
        close_links();
    }
};

}  // namespace inout::out
