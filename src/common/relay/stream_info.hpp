// What is known of a stream besides its bytes, and its line in the log.
//
// Made by whoever opens a stream, then the relay's. On the stream's worker.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/limits.hpp"
#include "common/rules/stream_end.hpp"

namespace inout {

struct StreamInfo {
    std::string id, topic, client;
    Clock::time_point arrived;           ///< when its opening began
    const char* client_side = "client";  ///< the names of its two legs, for the log
    const char* service_side = "backend";
    std::shared_ptr<void> keep;  ///< released when the stream ends
};

/// The line of a stream that has ended now.
void log_end(const StreamInfo& info, std::uint64_t bytes_up, std::uint64_t bytes_down,
             Clock::time_point opened, const StreamEnd& end);

}  // namespace inout
