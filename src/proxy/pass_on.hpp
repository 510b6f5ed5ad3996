// A data connection of an out that has come to the wrong proxy of a cluster, by way of a balancer:
// it is passed on to the proxy whose ticket it shows. On the worker of the connection.
#pragma once

#include "common/app/worker.hpp"
#include "common/wire/message.hpp"
#include "proxy/strangers.hpp"

namespace inout::proxy {

struct ProxyState;

/// Whether its ticket is one of another proxy of the cluster. Of one that somebody has made up it
/// is not. Nothing is asked or dialled for this.
bool belongs_elsewhere(const ProxyState& state, const OutDataRequest& request);

/// Asks the proxy that has made its ticket to take it, and carries its bytes for as long as it
/// lives. What that one answers is what out gets; until then it is a stranger's.
Task<> pass_on(ProxyState& state, Worker& worker, ConnectionPtr out, OutDataRequest request,
               Strangers::Stay& stay);

}  // namespace inout::proxy
