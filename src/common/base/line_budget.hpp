// The line budget: which of the log lines that a peer can cause are written, and which are counted.
//
// Each kind of line has a bucket for everything in the process, and one for each thing that it is
// about (a topic, an identity, a source), so that one noisy peer neither fills a disk nor hides
// what there is to say of others. What is held back is counted and told later. Pure: time is an
// argument. Thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/limits.hpp"

namespace inout::log {

enum class Level { debug, info, warning, error };

/// What a line is, for its budget (limits.hpp).
enum class Kind {
    warning,  ///< somebody was refused, something is wrong
    retry,    ///< an attempt that is repeated for ever has failed
    failure,  ///< one stream could not be opened
    change,   ///< a registration came or went
    stream,   ///< a stream has ended
};
inline constexpr std::size_t kKinds = 5;

/// A bucket of lines, kept as the one time at which it will be full again.
class LineBucket {
  public:
    bool has_room(const LineRate& rate, Clock::time_point now) const {
        return full_at_ <= now + rate.interval * (rate.burst - 1);
    }
    void take(const LineRate& rate, Clock::time_point now) {
        full_at_ = std::max(full_at_, now) + rate.interval;
    }
    bool is_full(Clock::time_point now) const { return full_at_ <= now; }

  private:
    Clock::time_point full_at_{};
};

class LineBudget {
  public:
    /// `things_max`: how many things have a bucket of their own; the others share one.
    explicit LineBudget(std::size_t things_max = kLogThingsMax) : things_max_(things_max) {}

    /// Nothing: the line is held back. Otherwise it may be written, and says how many like it were
    /// held back since the last one.
    std::optional<std::uint64_t> pass(Level level, Kind kind, std::string_view event,
                                      std::string_view about, Clock::time_point now);

    /// Lines of one kind about one thing that were not written.
    struct HeldBack {
        Level level;
        std::string event, about;
        std::uint64_t count;
    };
    /// What there is room to tell now, each once; the end of a burst would else never be told. With
    /// `all` also what there is no room for. Forgets things about which nothing is to be said.
    std::vector<HeldBack> tell(Clock::time_point now, bool all = false);

  private:
    struct Thing {
        Level level = Level::info;
        Kind kind = Kind::warning;
        std::string event, about;
        LineBucket bucket;
        std::uint64_t held_back = 0;
    };
    Thing& thing(Level level, Kind kind, std::string_view event, std::string_view about);
    bool take(Thing& thing, Clock::time_point now);

    const std::size_t things_max_;
    std::mutex mutex_;
    std::array<LineBucket, kKinds> all_{};
    // By a hash of event and about: two things of the same one share a bucket, which is no harm.
    std::unordered_map<std::size_t, Thing> things_;
};

}  // namespace inout::log
