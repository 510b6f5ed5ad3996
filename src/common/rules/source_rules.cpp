#include "common/rules/source_rules.hpp"

#include <algorithm>

namespace inout {
namespace {

/// Of a source's places, those it has during a penalty: a site's burst must fit where we know
/// somebody, and a guess or two where we do not.
constexpr std::size_t kKnownShare = 4, kKnownPlacesMin = 64;
constexpr std::size_t kPenalisedShare = 32, kPenalisedPlacesMin = 32;

}  // namespace

SourceRules::Verdict SourceRules::arrives(const IpAddress& source, Clock::time_point now) {
    const Milliseconds penalty = penalties_.left(source, now);
    if (penalty == Milliseconds{0}) return {.places = places_max_};
    const bool known = known_.knows(source, now);
    const std::size_t share = known ? std::max(kKnownPlacesMin, places_max_ / kKnownShare)
                                    : std::max(kPenalisedPlacesMin, places_max_ / kPenalisedShare);
    Verdict verdict{.places = std::min(places_max_, share), .penalty = penalty, .turns = known};
    if (known || (!reads_.is_full(source, now) && !reads_all_.is_full(now))) return verdict;
    const bool plain = !plain_reads_all_.is_full(now) && plain_reads_.count(source, now);
    if (plain) plain_reads_all_.count(now);
    verdict.treatment = plain ? Treatment::plain : Treatment::drop;
    return verdict;
}

bool SourceRules::has_turn(const IpAddress& source, Clock::time_point now) const {
    return !known_reads_.is_full(source, now);
}

void SourceRules::failed(const IpAddress& source, Clock::time_point now, bool shook_hands) {
    if (penalties_.left(source, now) == Milliseconds{0}) {
        penalties_.failed(source, now);
    } else if (known_.knows(source, now)) {
        if (shook_hands) known_reads_.count(source, now);
    } else {
        reads_.count(source, now);
        reads_all_.count(now);
    }
}

bool SourceRules::monitored(const IpAddress& source, Clock::time_point now) {
    if (monitors_.count(source, now)) return true;
    failed(source, now, true);
    return false;
}

void SourceRules::came(const IpAddress& source) {
    penalties_.forgive(source);
    known_.came(source);
}

}  // namespace inout
