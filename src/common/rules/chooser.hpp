// Which of several gets the next stream: of the servers of in, the backends of out, the outs of a
// topic. Time and chance are arguments. Pure; who owns the candidates locks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "common/rules/rest.hpp"

namespace inout {

enum class Select {
    first,          ///< in the order of the list
    round_robin,    ///< in turn, by weight
    least_streams,  ///< who has fewest running for its weight; of equal ones in turn
    random,         ///< by weight
    source,         ///< the same one for the same client, as far as it is there; by weight
    least_time,     ///< who answered fastest of late
};

/// How long something takes: rises at once with a slow answer and sinks slowly, and to nothing
/// where nobody asks, so that each is tried again some day.
class PeakTime {
  public:
    /// In which it sinks to 37 % (1/e).
    static constexpr Milliseconds kFade{10'000};

    void took(Clock::duration time, Clock::time_point now);
    /// In seconds; 0 if it is not known.
    double value(Clock::time_point now) const { return value_ * left_at(now); }

  private:
    double left_at(Clock::time_point now) const;

    double value_ = 0;
    Clock::time_point at_{};
};

/// One that can be chosen, with what is remembered of it: lives with what it stands for.
struct Candidate {
    /// `name` tells it from the others, in every process the same. `weight`: at least 1.
    explicit Candidate(std::string_view name, unsigned weight = 1, bool backup = false,
                       const RestRule& rule = {});

    std::uint64_t name_hash;
    unsigned weight;
    bool backup;  ///< only where all others rest
    Rest rest;
    std::int64_t turn = 0;  ///< what Select::round_robin owes to it
    PeakTime time{};
};

/// Who may be chosen for a stream.
struct Offer {
    Candidate* candidate;
    std::size_t running = 0;  ///< streams, for Select::least_streams
};

/// What Select::source goes by: a client's address (`1.2.3.4:5`, `[::1]:5`) without its port, of
/// which each connection of a client has another.
inline std::string_view source_of(std::string_view client) {
    return client.substr(0, client.rfind(':'));
}

/// The index of one; nothing if there are none. Those that rest are only chosen when all do, the
/// one whose rest ends first: nobody is refused because of a guess. `source` is the client's
/// source_of(), or anything else that is always the same; `chance` in [0, 1).
std::optional<std::size_t> choose(Select select, std::span<const Offer> offers,
                                  Clock::time_point now, std::string_view source, double chance);

}  // namespace inout
