// The time of day, for proofs: their age is judged by another machine's clock. Everything else uses
// Clock, which nobody can set. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

namespace inout {

/// Milliseconds since 1970-01-01 00:00 UTC.
inline std::int64_t unix_time_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

}  // namespace inout
