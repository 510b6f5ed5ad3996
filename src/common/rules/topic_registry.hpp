// Who serves which topic: a line of live registrations per topic, its head is the holder.
//
// A takeover goes to the head; the displaced one stays in line and is promoted when the holder
// ends, so two outs never fight (docs/architecture.md, "Displacing"). Only ids live here; the
// sessions behind them belong to the proxy. Not thread-safe: its owner locks. No I/O, no clock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/limits.hpp"

namespace inout {

/// Names one registration for the life of the process; never reused.
using RegistrationId = std::uint64_t;

class TopicRegistry {
  public:
    explicit TopicRegistry(std::size_t topics_max = kTopicsMax) : topics_max_(topics_max) {}
    /// From now on; what is there stays.
    void set_topics_max(std::size_t topics_max) { topics_max_ = topics_max; }

    struct Added {
        bool accepted = false;     ///< false: too many topics, or the topic's line is full
        std::size_t position = 0;  ///< 0 holds the topic
        std::optional<RegistrationId> displaced;  ///< lost the topic to this one, stays in line
        std::optional<RegistrationId> replaced;  ///< the same instance's older one, now out of line
    };
    /// `instance` may be empty (a 0.0.1 out): then nothing is ever replaced.
    Added add(std::string_view topic, RegistrationId id, std::string_view instance, bool standby);

    struct Removed {
        bool found = false;
        std::optional<RegistrationId> promoted;  ///< holds the topic from now on
    };
    Removed remove(std::string_view topic, RegistrationId id);

    std::optional<RegistrationId> holder(std::string_view topic) const;
    /// The whole line, the holder first; empty if nobody serves the topic.
    std::vector<RegistrationId> line(std::string_view topic) const;
    std::size_t topics() const { return lines_.size(); }

  private:
    struct Entry {
        RegistrationId id;
        std::string instance;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const {
            return std::hash<std::string_view>{}(s);
        }
    };
    using Line = std::vector<Entry>;  // at most kLineMax long

    std::size_t topics_max_;
    std::unordered_map<std::string, Line, Hash, std::equal_to<>> lines_;
};

}  // namespace inout
