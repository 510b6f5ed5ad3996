// When to send a Ping and when a control connection counts as dead. Time and chance are arguments.
//
// A thousand outs that register in one moment, as after a restart of their proxy, would ping it in
// one moment too, for ever; so would those of one program after a pause of its loop. So the first
// Ping comes anywhere within the interval, and the next ones up to a fifth earlier.
//
// Any received byte is life: the original's proxy answers only every other Ping. Pure; owned by its
// control connection.
#pragma once

#include <algorithm>

#include "common/base/limits.hpp"

namespace inout {

class Heartbeat {
  public:
    enum class Action { wait, ping, dead };
    struct Step {
        Action action;
        Clock::time_point next;  ///< when to ask again
    };

    /// `interval` zero: never ping (the proxy's side, which only answers). `chance` in [0, 1].
    Heartbeat(Milliseconds interval, Milliseconds timeout, Clock::time_point now, double chance)
        : interval_(interval),
          timeout_(timeout),
          last_received_(now),
          next_ping_(now + share_of_interval(chance)) {}

    /// For a peer that does not say how often it pings: it is judged by what it was seen to do. At
    /// least `least`, and kPausesMissed of its longest pauses; before the first message it has
    /// kHeartbeatPatience.
    static Heartbeat learning(Milliseconds least, Clock::time_point now) {
        Heartbeat heartbeat(Milliseconds::zero(), kHeartbeatPatience, now, 0);
        heartbeat.least_ = least;
        return heartbeat;
    }

    void received(Clock::time_point now) {
        if (least_ != Milliseconds::zero()) {
            longest_ = std::max(longest_, now - last_received_);
            const auto patience = std::chrono::ceil<Milliseconds>(longest_ * kPausesMissed);
            timeout_ = std::clamp(patience, least_, std::max(least_, kHeartbeatPatience));
        }
        last_received_ = now;
    }

    /// What is due now; a `ping` counts as sent. `chance` in [0, 1]: of the next one.
    Step step(Clock::time_point now, double chance) {
        const auto dead_at = last_received_ + timeout_;
        if (now >= dead_at) return {Action::dead, now};
        // What is learned meanwhile may bring that forward.
        if (least_ != Milliseconds::zero()) return {Action::wait, std::min(dead_at, now + least_)};
        if (interval_ == Milliseconds::zero()) return {Action::wait, dead_at};
        if (now < next_ping_) return {Action::wait, std::min(next_ping_, dead_at)};
        next_ping_ = now + share_of_interval(0.8 + 0.2 * chance);
        return {Action::ping, std::min(next_ping_, dead_at)};
    }

  private:
    Milliseconds share_of_interval(double share) const {
        return std::chrono::ceil<Milliseconds>(interval_ * share);
    }

    Milliseconds interval_;
    Milliseconds timeout_;
    Milliseconds least_{0};  // 0: does not learn
    Clock::duration longest_{0};
    Clock::time_point last_received_;
    Clock::time_point next_ping_;
};

}  // namespace inout
