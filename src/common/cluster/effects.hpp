// Effects: what a node wants done after an event, in this order: with NATS, and with its streams.
// Pure; a value.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "common/cluster/route_set.hpp"

namespace inout::cluster {

using StreamId = std::uint64_t;

struct Operation {
    enum class Kind { subscribe, unsubscribe, publish };
    Kind kind;
    std::string subject;
    std::string reply{};  ///< where the answers go; empty: none are wanted
    std::string body{};
};

/// Why a stream gets no route, or no further one.
enum class NoRoute {
    no_topic,      ///< nobody has it
    no_directory,  ///< NATS can not be reached, and nothing is known of the topic
    tried,         ///< each that is known was tried in vain
    left,          ///< the stream wants none any more, or this proxy ends
};

struct Resolution {
    StreamId stream;
    std::variant<Route, NoRoute> way;
};

struct Effects {
    std::vector<Operation> operations;
    std::vector<Resolution> resolutions;
};

}  // namespace inout::cluster
