// The time of day, for proofs: their age is judged by another machine's clock; and a time that goes
// on while the machine sleeps, for what is shown to people. Everything else uses Clock, which
// nobody can set. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace inout {

/// Milliseconds since 1970-01-01 00:00 UTC.
inline std::int64_t unix_time_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/// Since the start of the machine, with the time that it slept; nobody can set it.
inline std::chrono::milliseconds since_boot() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return std::chrono::milliseconds(std::int64_t{time.tv_sec} * 1'000 + time.tv_nsec / 1'000'000);
}

}  // namespace inout
