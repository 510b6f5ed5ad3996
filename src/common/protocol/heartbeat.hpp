// When to send a Ping and when a control connection counts as dead. Time is an argument.
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

    /// `interval` zero: never ping (the proxy's side, which only answers).
    Heartbeat(Milliseconds interval, Milliseconds timeout, Clock::time_point now)
        : interval_(interval), timeout_(timeout), last_received_(now), next_ping_(now + interval) {}

    void received(Clock::time_point now) { last_received_ = now; }
    void set_timeout(Milliseconds timeout) { timeout_ = timeout; }

    /// What is due now; a `ping` counts as sent.
    Step step(Clock::time_point now) {
        const auto dead_at = last_received_ + timeout_;
        if (now >= dead_at) return {Action::dead, now};
        if (interval_ == Milliseconds::zero()) return {Action::wait, dead_at};
        if (now < next_ping_) return {Action::wait, std::min(next_ping_, dead_at)};
        next_ping_ = now + interval_;
        return {Action::ping, std::min(next_ping_, dead_at)};
    }

  private:
    Milliseconds interval_;
    Milliseconds timeout_;
    Clock::time_point last_received_;
    Clock::time_point next_ping_;
};

}  // namespace inout
