// ReplayGuard: remembers the proofs of one key for as long as they would be accepted again.
//
// A proof may be dated kProofWindow ahead and come again until it is kProofWindow old, so it is
// kept for twice that and kSlack. Two generations of this length each: an entry is kept for one to
// two of them and dropped without looking for it. Bounded: with entries_max in both together
// nothing new is accepted until a generation ends, because forgetting early would let an old proof
// in. Only proofs whose MAC is right may be entered: so only the key's holder can fill it.
//
// One for each key in the whole process, or a proof could come again on another worker; whoever
// owns it locks it. Time is an argument, of a clock that is never set back.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <unordered_set>
#include <vector>

#include "common/base/limits.hpp"

namespace inout {

class ReplayGuard {
  public:
    /// The first bytes of a proof's MAC: as good as unique.
    using Tag = std::array<unsigned char, 16>;
    enum class Verdict { fresh, replayed, full };

    /// For times in whole seconds, and a wall clock that is set back a little.
    static constexpr Milliseconds kSlack{10'000};
    /// The least that an entry is kept, and the length of a generation.
    static constexpr Milliseconds kKept = 2 * kProofWindow + kSlack;

    explicit ReplayGuard(std::size_t entries_max = kReplayEntriesMax) : entries_max_(entries_max) {}

    /// Enters it if it is fresh.
    Verdict enter(const Tag& tag, Clock::time_point now);
    /// Those that could come again, for another guard.
    std::vector<Tag> entries(Clock::time_point now);
    /// Entries of both generations.
    std::size_t size() const { return current_.size() + previous_.size(); }

  private:
    /// A MAC's bytes are a hash already; only a holder of the key could choose them.
    struct TagHash {
        std::size_t operator()(const Tag& tag) const noexcept {
            std::size_t hash = 0;
            std::memcpy(&hash, tag.data(), sizeof hash);
            return hash;
        }
    };
    using Generation = std::unordered_set<Tag, TagHash>;

    void end_generations(Clock::time_point now);

    std::size_t entries_max_;
    Generation current_, previous_;
    Clock::time_point began_;  ///< the current generation
};

}  // namespace inout
