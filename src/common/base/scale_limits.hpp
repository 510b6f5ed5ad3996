// Numbers of growth: several outs, servers and backends, and the tries that go over them. As
// limits.hpp, with which it is one list in two files. Constants only.
#pragma once

#include <cstddef>

#include "common/base/limits.hpp"

namespace inout {

/// How often one open is tried, at whichever outs. More would not find a backend where five had
/// none, but would multiply a crowd of clients whose backends are all down.
inline constexpr std::size_t kTriesMax = 5;

/// Registrations in one topic's line; those that share stand together, so that they have no more
/// than kLineMax places in it.
inline constexpr std::size_t kRegistrationsMax = 1'024;
/// Topic patterns that are registered at once: a look-up may have to look at all their words.
inline constexpr std::size_t kPatternLinesMax = 4'096;
/// Parked data connections of all that share a topic, in quiet times; each has at least one.
inline constexpr std::size_t kGroupParked = 32;
/// Patterns that have ended of late, whose topics may be back in a moment.
inline constexpr std::size_t kEndedPatternsMax = 256;
/// How long a proxy of a cluster waits for a topic that was here a moment ago, before the others
/// are asked again: its out may be at any of them by now.
inline constexpr Milliseconds kReturnHere{250};
/// What a proxy tells another one of who has asked it: of a longer name only the kind.
inline constexpr std::size_t kOriginMaxBytes = 90;
/// Of a SHA-256, to tell permissions apart: no secret, and an accident is unlikely enough.
inline constexpr std::size_t kListsDigits = 16;
/// What a shared registration may weigh.
inline constexpr unsigned kWeightMax = 100;
/// How long an out that does not hold its topic keeps data connections parked, after the last
/// stream that had to come to it. Longer than a heartbeat's interval, at which that is looked at.
inline constexpr Milliseconds kLendTime{30'000};
/// Within this time all outs register at the next process of their proxy. Clients wait for them.
inline constexpr Milliseconds kMoveSpread{50};

}  // namespace inout
