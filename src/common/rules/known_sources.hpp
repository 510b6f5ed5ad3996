// KnownSources: where identified peers come from, now or not long ago.
//
// A source with a live connection of an identified peer is known, and for kKnownMemory after its
// last one. Those that are gone are bounded; when there are too many, the one that left first is
// forgotten. Live ones are bounded by their descriptors. Time is an argument; its owner locks.
// Pure.
#pragma once

#include <list>
#include <map>

#include "common/base/address_range.hpp"
#include "common/base/limits.hpp"

namespace inout {

class KnownSources {
  public:
    /// `gone_max` is at least 1.
    explicit KnownSources(std::size_t gone_max = kPenaltySourcesMax) : gone_max_(gone_max) {}
    KnownSources(const KnownSources&) = delete;
    KnownSources& operator=(const KnownSources&) = delete;

    /// An identified connection from there; each that has come leaves once.
    void came(const IpAddress& source);
    void left(const IpAddress& source, Clock::time_point now);
    bool knows(const IpAddress& source, Clock::time_point now) const;
    std::size_t size() const { return live_.size() + by_age_.size(); }

  private:
    struct Gone {
        IpAddress source;
        Clock::time_point when;
    };
    using Records = std::list<Gone>;
    void forget(std::map<IpAddress, Records::iterator>::iterator gone);

    const std::size_t gone_max_;
    std::map<IpAddress, std::size_t> live_;  ///< how many
    Records by_age_;                         ///< that left first, first
    std::map<IpAddress, Records::iterator> gone_;
};

}  // namespace inout
