// Who serves which topic: a line of live registrations per topic, or per topic pattern.
//
// A line has places: one exclusive registration each, or a group of shared ones, which are those
// that stand side by side. The first place holds the topic. A takeover goes to the head; who is
// displaced stays in line and is promoted when the holders end, so two outs never fight
// (docs/architecture.md, "Displacing"). Streams go to the first place in which anybody is ready:
// the others wait. Only ids live here; the sessions behind them belong to the proxy. Not
// thread-safe: its owner locks. No I/O, no clock.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/limits.hpp"
#include "common/rules/chooser.hpp"
#include "common/rules/pattern_table.hpp"

namespace inout {

/// Names one registration for the life of the process; never reused.
using RegistrationId = std::uint64_t;

class TopicRegistry {
  public:
    explicit TopicRegistry(std::size_t topics_max = kTopicsMax) : topics_max_(topics_max) {}
    /// From now on; what is there stays.
    void set_topics_max(std::size_t topics_max) { topics_max_ = topics_max; }

    /// What is registered: a topic, or a pattern, also where both have the same text.
    struct Name {
        std::string_view text;
        bool is_pattern = false;  ///< then one that TopicPattern::parse takes
    };
    /// How it is to stand in line. The pointers are for whoever chooses among a place's members.
    struct Claim {
        RegistrationId id = 0;
        std::string_view instance{};  ///< may be empty (a 0.0.1 out): then it replaces nothing
        bool standby = false;         ///< joins at the end
        bool shared = false;          ///< stands together with others that share
        Candidate* candidate = nullptr;
        const std::atomic<std::size_t>* running = nullptr;  ///< its streams
    };
    struct Member {
        RegistrationId id = 0;
        std::string instance{};
        bool shared = false;
        Candidate* candidate = nullptr;
        const std::atomic<std::size_t>* running = nullptr;
        bool ready = true;    ///< takes new streams
        bool holds = false;   ///< in the first place
        bool serves = false;  ///< in the place that streams go to, and ready
    };
    /// From the head on; valid until the registry changes.
    using Members = std::span<const Member>;

    /// What has changed for somebody in line.
    struct Change {
        enum class Kind {
            displaced,  ///< holds its topic no more
            promoted,   ///< holds it again
            opened,     ///< serves from now on
            closed,     ///< serves no more
        };
        RegistrationId id;
        Kind kind;

        bool operator==(const Change&) const = default;
    };
    /// In the order of the line; valid until the registry changes again.
    using Changes = std::span<const Change>;

    struct Added {
        bool accepted = false;                   ///< false: too many topics, or the line is full
        std::size_t position = 0;                ///< the place; 0 holds the topic
        std::optional<RegistrationId> replaced;  ///< the same instance's older one, now out of line
        Changes changes{};  ///< of all but that; that a new one holds its topic is none
    };
    /// If memory runs out nothing has changed.
    Added add(const Name& name, const Claim& claim);

    struct Removed {
        bool found = false;
        Changes changes{};
    };
    Removed remove(const Name& name, RegistrationId id) noexcept;
    /// Whether it takes new streams from now on. It keeps its place.
    Changes set_ready(const Name& name, RegistrationId id, bool ready) noexcept;

    /// Those in line for this very name.
    Members line(const Name& name) const;
    /// Those in line who serve this topic: of the topic itself, or else of the most specific
    /// pattern that it matches.
    Members line_for(std::string_view topic) const;
    /// How many places the line has before this member; nothing: it is not in it.
    static std::optional<std::size_t> position_of(Members line, RegistrationId id);
    /// The place that `line` begins with, and the others.
    static Members first_place(Members line);

    /// `visit(line)` for each.
    template <class Visit>
    void each_line(Visit visit) const {
        for (const auto& [topic, line] : lines_) visit(Members(line));
        patterns_.each([&visit](const Line& line) { visit(Members(line)); });
    }
    /// Topics and patterns.
    std::size_t topics() const { return lines_.size() + patterns_.size(); }

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const {
            return std::hash<std::string_view>{}(s);
        }
    };
    using Line = std::vector<Member>;

    Line* find(const Name& name);
    Line* find_or_make(const Name& name);
    void erase(const Name& name) noexcept;
    static bool fits(const Line& line, const Claim& claim);
    Changes settle(Line& line, RegistrationId fresh) noexcept;

    std::size_t topics_max_;
    std::unordered_map<std::string, Line, Hash, std::equal_to<>> lines_;
    PatternTable<Line> patterns_;
    std::vector<Change> changes_;  // has room for all that can happen to one line
};

}  // namespace inout
