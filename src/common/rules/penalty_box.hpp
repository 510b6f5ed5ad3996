// PenaltyBox: sources that fail again and again are refused for a growing time.
//
// A failure is a connection that ended without a proper first message or with a wrong proof. The
// first kFreeFailures cost nothing. The next one is refused kPenaltyFirst, and each later one twice
// as long as the one before, up to kPenaltyMax: 1, 2, 4, … 512, 600 s. A failure during a penalty
// changes nothing: its connection was begun before, and one restart with a wrong key makes dozens
// fail at once. Who has had no failure that counted for kPenaltyMemory begins anew, and so does who
// has been recognised in the meantime: a bad line can cut off good peers, too.
//
// The table is bounded: when it is full, the source whose last failure is the oldest is forgotten.
// Whoever can send from more sources than it holds escapes it; the limits that do not go by source
// hold them. (OpenSSH's PerSourcePenalties is the model.) Time is an argument. Owned by the server
// that accepts, on its thread or under its lock; never touches a socket, never counts a refusal.
#pragma once

#include <cstddef>
#include <list>
#include <map>

#include "common/base/address_range.hpp"
#include "common/base/limits.hpp"

namespace inout {

class PenaltyBox {
  public:
    /// `sources_max` is at least 1.
    explicit PenaltyBox(std::size_t sources_max = kPenaltySourcesMax) : sources_max_(sources_max) {}
    PenaltyBox(const PenaltyBox&) = delete;  // its records point at each other
    PenaltyBox& operator=(const PenaltyBox&) = delete;

    /// `source` as IpAddress::source() gives it. Returns the penalty that begins now; 0: none does.
    Milliseconds failed(const IpAddress& source, Clock::time_point now);
    /// Forgets the failures of a source that a known peer speaks from.
    void forgive(const IpAddress& source);
    /// Whether connections from there are refused now.
    bool refuses(const IpAddress& source, Clock::time_point now) const {
        return left(source, now) > Milliseconds{0};
    }
    /// How long they still are, rounded up; 0: they are not.
    Milliseconds left(const IpAddress& source, Clock::time_point now) const;
    /// Sources that are remembered; those that are forgiven leave with later failures of others.
    std::size_t size() const { return by_age_.size(); }

  private:
    struct Record {
        IpAddress source;
        unsigned free_failures = 0;  ///< of kFreeFailures
        Milliseconds penalty{0};     ///< the last one
        Clock::time_point counted;   ///< the last failure that counted: when the penalty began
    };
    using Records = std::list<Record>;

    Record& remember(const IpAddress& source, Clock::time_point now);
    void forget_oldest();

    std::size_t sources_max_;
    Records by_age_;  ///< the longest without a failure first
    /// A tree, because strangers choose the keys and could make them collide in a hash table.
    std::map<IpAddress, Records::iterator> by_source_;
};

}  // namespace inout
