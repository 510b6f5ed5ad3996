// RollCall: what one server of NATS shows of a cluster to who asks once and is no proxy of it. Any
// thread.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/cluster/cluster_limits.hpp"
#include "common/cluster/message.hpp"
#include "common/cluster/nats_options.hpp"

namespace inout::cluster {

/// How long answers are waited for, behind the first message of our own that came back.
inline constexpr Milliseconds kRollCallWait{500};
/// For all of it. Names of servers are looked up by libnats, which nobody can hurry.
inline constexpr Milliseconds kRollCallMax{8'000};
/// Answers that are kept.
inline constexpr std::size_t kRollCallProxiesMax = kPeersMax;

struct RollCall {
    std::string problem{};  ///< why nothing can be asked there; empty: it can
    std::chrono::microseconds round_trip{};
    std::vector<Answer> proxies{};  ///< who has answered, by address, each once
};

/// Asks at `server`, one of the options' servers, who is in the cluster of that name: proxies that
/// are older than this question do not answer. Blocks, at most kRollCallMax. Any thread.
RollCall call_roll(const NatsOptions& options, const std::string& server,
                   const std::string& cluster);

}  // namespace inout::cluster
