// When a running stream is over, how its two legs are closed then, and what is said to be the
// reason. It knows no socket: its relay tells what it meets, and asks.
//
// Each leg's input is passed on to the other leg until it has ended or the leg is lost. A lost leg
// takes nothing any more, what came from it is still passed on. The stream is over when both inputs
// are, and every leg that is not lost has acknowledged all of it; after a loss no later than
// kResetFlush. If a leg was lost both are closed so that the other side learns it, never cleanly.
// Time is an argument. Pure; in its relay. docs/architecture.md, "The end of a stream".
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"

namespace inout {

/// The two connections of a stream here: towards who asked for it, and towards who serves it.
enum class StreamLeg : unsigned char { client, service };
constexpr StreamLeg other(StreamLeg leg) {
    return leg == StreamLeg::client ? StreamLeg::service : StreamLeg::client;
}

/// Why a stream ended. The first cause counts: later ones follow from it.
struct StreamEnd {
    enum class Cause : unsigned char {
        done,           ///< both inputs ended, and all of it arrived
        reset,          ///< by the leg's peer
        timeout,        ///< the kernel gave the leg up
        peer_timeout,   ///< bytes are under way on the leg, and nobody acknowledges any
        stall_timeout,  ///< bytes wait for a leg that takes none
        idle_timeout,   ///< nothing moved, either way
        tls,            ///< on the leg: cut, or broken; `words` say how
        framing,        ///< on the leg: its peer has broken the rules; `words` say how
        compression,    ///< the same of what it has compressed
        // This program ends it, whatever is under way; `words` say more.
        drain,     ///< it ends itself, and the stream's time to end is over
        revoked,   ///< who asked for it, or who serves it, may do so no more
        kicked,    ///< somebody who runs the program wants so
        quota,     ///< a key has moved as many bytes as it may
        internal,  ///< memory or something else of the system has run out
    };
    static constexpr std::size_t kCauses = static_cast<std::size_t>(Cause::internal) + 1;
    Cause cause = Cause::done;
    StreamLeg leg = StreamLeg::client;  ///< where the cause is one leg's
    std::string words{};
};
/// Its word, as it is spelled above.
std::string_view to_string(StreamEnd::Cause cause);
/// For the log, with the names of the two legs there.
std::string to_string(const StreamEnd& end, std::string_view client, std::string_view service);

/// What is left of a leg's connection when its stream has ended.
enum class LegVerdict : unsigned char {
    reusable,  ///< it can carry another stream
    spent,     ///< it ends with this one
};

class EndRules {
  public:
    /// All of the leg's input was passed on, its end too.
    void input_ended(StreamLeg leg) { of(leg).input = Input::ended; }
    /// No more of its input will be passed on: the leg is lost, and what had come has been.
    void input_is_over(StreamLeg leg) {
        if (of(leg).input == Input::open) of(leg).input = Input::over;
    }
    /// Its peer is gone, or can not be served any more. False: that was known.
    bool lost(StreamLeg leg, StreamEnd why, Clock::time_point now);
    /// The stream ends now, whatever is under way: both legs are lost.
    void end_now(StreamEnd why);
    /// It has been closed: nothing counts any more.
    void closed() { over_ = true; }

    enum class Next {
        go_on,             ///< at least one input goes on
        wait_for_arrival,  ///< close as soon as each leg that must_arrive() has acknowledged all
        close,
    };
    Next next(Clock::time_point now) const;
    bool must_arrive(StreamLeg leg) const { return !is_lost(leg); }
    /// Clean ends on both legs; else neither may look clean.
    bool ends_cleanly() const {
        return !is_lost(StreamLeg::client) && !is_lost(StreamLeg::service);
    }

    /// Of a stream that is over: whether its end has left the leg's connection whole, so that
    /// another stream can follow if that connection does not end with its stream. `in_order`: the
    /// leg was lost by its peer's word alone.
    bool is_whole(StreamLeg leg, bool in_order) const;

    bool is_over() const { return over_; }
    bool is_lost(StreamLeg leg) const { return of(leg).lost; }
    /// Nothing more of the leg's input is passed on.
    bool is_input_over(StreamLeg leg) const { return of(leg).input != Input::open; }
    /// It has ended cleanly, so that nobody reads the leg any more.
    bool has_input_ended(StreamLeg leg) const { return of(leg).input == Input::ended; }
    bool are_inputs_over() const {
        return is_input_over(StreamLeg::client) && is_input_over(StreamLeg::service);
    }
    const StreamEnd& end() const { return end_; }

  private:
    enum class Input : unsigned char { open, over, ended };
    struct State {
        Input input = Input::open;
        bool lost = false;
    };
    State& of(StreamLeg leg) { return legs_[static_cast<std::size_t>(leg)]; }
    const State& of(StreamLeg leg) const { return legs_[static_cast<std::size_t>(leg)]; }
    void note(StreamEnd why);

    std::array<State, 2> legs_{};
    bool over_ = false, was_told_ = false;  // to end now
    Clock::time_point flush_until_ = Clock::time_point::max();
    StreamEnd end_;
};

}  // namespace inout
