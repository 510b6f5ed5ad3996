// Connections of ins that wait for their next request: opened in advance, or given back by a stream
// (docs/protocol.md, "Spare connections" and "Frames of a stream"). On its
// worker's thread each.
#pragma once

#include <memory>

#include "proxy/service.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {

/// One of them, and what it has for that: its share of the descriptors, and its place among those
/// that a drain or a lack of descriptors ends. On the worker of its connection.
struct Spare {
    ConnectionPtr connection;
    StandingPtr standing;  ///< of whose it is, by its first request
    std::shared_ptr<Strangers::Acquaintance> known{};
    std::unique_ptr<DescriptorBudget::Share> share{};
    std::unique_ptr<SpareList::Place> place{};
    Counted counted{counters().warm};
};

/// Takes its descriptor. Nothing: there is no room, or the proxy is ending.
std::unique_ptr<Spare> keep_spare(ProxyState& state, const ConnectionPtr& connection,
                                  StandingPtr standing,
                                  std::shared_ptr<Strangers::Acquaintance> known);

/// Waits for its request, kSpareKept at most, and serves that.
Task<> spare_session(ProxyState& state, Worker& worker, std::unique_ptr<Spare> spare);

}  // namespace inout::proxy
