// Numbers of growth: several outs, servers and backends, and the tries that go over them. As
// limits.hpp, with which it is one list in two files. Constants only.
#pragma once

#include <cstddef>

#include "common/base/limits.hpp"

namespace inout {

/// How often one open is tried, at whichever outs. More would not find a backend where five had
/// none, but would multiply a crowd of clients whose backends are all down.
inline constexpr std::size_t kTriesMax = 5;

/// How long an out that does not hold its topic keeps data connections parked, after the last
/// stream that had to come to it. Longer than a heartbeat's interval, at which that is looked at.
inline constexpr Milliseconds kLendTime{30'000};

}  // namespace inout
