// The bounds of what a proxy knows and asks of the others of its cluster, each with its unit and
// its reason. Constants only; usable from any thread.
#pragma once

#include <cstddef>

#include "common/base/limits.hpp"
#include "common/rules/cluster_name.hpp"

namespace inout::cluster {

// --- on the wire ---
/// NATS itself breaks at about 4,090; a longer topic is known to its own proxy only.
inline constexpr std::size_t kSubjectMaxBytes = 1'024;
/// The longest answer has the longest pattern in it, with every byte written as three.
inline constexpr std::size_t kMessageMaxBytes = 1'536;
/// HOST:PORT with the longest name (RFC 1035), and brackets.
inline constexpr std::size_t kAddressMaxBytes = 264;
/// What others say of themselves is cut to this: no site is larger.
inline constexpr unsigned kWeightMax = 1'000'000, kRunningMax = 100'000'000;
/// Look-ups that were answered lately: one that matches several of our subscriptions comes as
/// often.
inline constexpr std::size_t kAnsweredMax = 256;

// --- look-ups ---
/// How long one waits for answers: so many of the round trips that were measured, within bounds.
inline constexpr unsigned kRoundTripsMax = 20;
inline constexpr Milliseconds kLookupMin{5}, kLookupMax{500};
/// How long an exact answer is waited for when a pattern has answered.
inline constexpr Clock::duration kBetterMax = Milliseconds{250};
/// Before anything was measured: within one site.
inline constexpr Milliseconds kFirstRoundTrip{5};
/// The pauses before it is asked again: a subscription that was just made is not yet known
/// everywhere, and one message may be lost.
inline constexpr Milliseconds kPauses[] = {Milliseconds{5}, Milliseconds{20}, Milliseconds{80}};
/// So often if nobody knew the topic lately.
inline constexpr std::size_t kAskedAgainUnknown = 1;
inline constexpr Milliseconds kKnownMemory{60'000};
/// Nobody has a topic if NATS says so; if it says nothing, only after this, because the one who has
/// it may be far away.
inline constexpr Milliseconds kSilence{500};
/// An answer that comes late is of use so long.
inline constexpr Milliseconds kLateAnswers{2'000};
/// Look-ups that run or wait for late answers: 50,000 a second. Beyond, those that are over go.
inline constexpr std::size_t kLookupsMax = 100'000;
/// Proxies that a stream is tried at.
inline constexpr unsigned kTriesMax = 5;

// --- what is remembered ---
inline constexpr Milliseconds kRoutesFresh{30'000};
/// Topics of others: some 20 MB.
inline constexpr std::size_t kCachedTopicsMax = 65'536;
/// Proxies of one topic.
inline constexpr std::size_t kRoutesMax = 64;
/// Proxies, to remember which of them can not be reached.
inline constexpr std::size_t kPeersMax = 4'096;
/// Topics to tell the others of once NATS is back; beyond, they learn of them within kRoutesFresh.
inline constexpr std::size_t kUntoldMax = 4'096;

}  // namespace inout::cluster
