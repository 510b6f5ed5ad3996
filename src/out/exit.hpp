// Where a stream leaves out: which topic it is of, and whether there are backends that serve that.
// Pure; any thread.
#pragma once

#include <string_view>

#include "common/net/dial.hpp"
#include "common/wire/message.hpp"
#include "out/network.hpp"

namespace inout::out {

/// A 0.0.1 proxy names a topic too, but nobody has ever looked at it: there the connection's
/// registration tells.
inline std::string_view topic_of(const Network& network, const DataActiveRequest& active) {
    return active.ext ? active.topic : network.config.topic;
}

/// Whether its backends are those of the topic: that is its own, or one that its pattern matches.
inline bool serves(const Network& network, std::string_view topic) {
    if (!network.config.pattern) return topic == network.config.topic;
    const auto pattern = TopicPattern::parse(network.config.topic);
    return pattern && pattern->matches(topic);
}

/// What a dial of the backend that has failed means for its stream.
constexpr Code code_of(DialError::Kind kind) {
    switch (kind) {
        case DialError::Kind::unresolved: return Code::backend_unresolved;
        case DialError::Kind::refused: return Code::backend_refused;
        case DialError::Kind::lack: return Code::limit;
        case DialError::Kind::timeout: break;
    }
    return Code::backend_timeout;
}

}  // namespace inout::out
