// What the control session and the data links of one registration share.
//
// Data links run on all workers; the control session on one. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "common/base/counters.hpp"
#include "common/base/current.hpp"
#include "out/network.hpp"

namespace inout::out {

struct Registration {
    explicit Registration(std::shared_ptr<const Network> network)
        : made_for(network),
          topic(network->config.topic),
          server(to_string(network->config.server)),
          current(std::move(network)) {}

    /// As it stands at the proxy: also its data connections go there in this way.
    const std::shared_ptr<const Network> made_for;
    const std::string topic, server;
    /// What streams get that begin now: that may change while the registration stays.
    Current<const Network> current;
    std::string ticket;    ///< empty at a 0.0.1 proxy
    std::string proxy_id;  ///< empty at a 0.0.1 proxy
    bool quiet = false;    ///< the proxy needs not answer parked connections
    bool retry = false;    ///< the proxy asks elsewhere where nothing was begun
    std::atomic<bool> draining{false};
    std::atomic<std::size_t> streams{0};  ///< that are being opened, or run
    /// Dialling or parked; closed when this is over.
    const std::shared_ptr<DataLinks::Group> links = std::make_shared<DataLinks::Group>();

    DataLinks& data_links() const { return *made_for->links; }
    void close_links() const { data_links().close(*links); }
    void drain() {
        draining = true;
        close_links();
    }
};

/// A stream of a registration, from the request for it to its end.
struct StreamOf {
    explicit StreamOf(std::shared_ptr<Registration> r)
        : registration(std::move(r)), counted(registration->streams) {}

    std::shared_ptr<Registration> registration;
    CountedHere counted;  // goes first
};

}  // namespace inout::out
