// When to send a Ping and when a control connection counts as dead. Time and chance are arguments.
//
// A thousand outs that register in one moment, as after a restart of their proxy, would ping it in
// one moment too, for ever; so would those of one program after a pause of its loop. So the first
// Ping comes anywhere within the interval, and the next ones up to a fifth earlier.
//
// Any received byte is life: the original's proxy answers only every other Ping.
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

    void received(Clock::time_point now) { last_received_ = now; }
    void set_timeout(Milliseconds timeout) { timeout_ = timeout; }

    /// What is due now; a `ping` counts as sent. `chance` in [0, 1]: of the next one.
    Step step(Clock::time_point now, double chance) {
        const auto dead_at = last_received_ + timeout_;
        if (now >= dead_at) return {Action::dead, now};
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
    Clock::time_point last_received_;
    Clock::time_point next_ping_;
};

}  // namespace inout
