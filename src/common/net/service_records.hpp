// Where a service is, as DNS says (SRV records, RFC 2782): read from the bytes of an answer, which
// anybody may have sent. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/host_port.hpp"
#include "common/base/limits.hpp"

namespace inout {

/// More than anybody has; beyond, those of the lowest priority are left out.
inline constexpr std::size_t kServiceTargetsMax = 16;
/// How long an answer is believed, whatever it says: a shorter time would flood a name server, a
/// longer one keep a target that is gone.
inline constexpr Milliseconds kServiceFreshMin{5'000}, kServiceFreshMax{300'000};

struct ServiceTarget {
    HostPort place;
    unsigned priority = 0;  ///< the lowest first
    unsigned weight = 0;    ///< among those of one priority

    bool operator==(const ServiceTarget&) const = default;
};

struct ServiceRecords {
    std::vector<ServiceTarget> targets;    ///< by priority; empty: the service is not offered
    Milliseconds fresh{kServiceFreshMin};  ///< for how long they hold
};

/// Nothing: that is no answer, or it is cut.
std::optional<ServiceRecords> read_service_records(std::span<const unsigned char> message);

}  // namespace inout
