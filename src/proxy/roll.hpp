// What a doctor makes of the answers that each server of NATS has given to who is in the cluster.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "common/app/findings.hpp"
#include "common/base/host_port.hpp"
#include "common/cluster/roll_call.hpp"
#include "common/config/cluster_options.hpp"

namespace inout::proxy {

struct Roll {
    Findings findings{};
    std::vector<HostPort> others{};  ///< proxies that are not this one, each once
};

/// `calls`: what came back at each of `servers`, in their order.
Roll judge_roll(const ClusterOptions& options, const std::vector<std::string>& servers,
                const std::vector<cluster::RollCall>& calls);

}  // namespace inout::proxy
