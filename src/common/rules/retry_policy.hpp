// How long an out waits before it registers again. Time and chance are arguments.
//
// Normally `retry_interval` ±20 %, for ever, so that a thousand outs do not return in one instant.
// A proxy that ends the connection within a minute of registering, twice running, has another out
// fighting for the topic (a 0.0.1 proxy can not keep a line): then the wait doubles up to a minute.
// Pure; owned by its control link.
#pragma once

#include <algorithm>

#include "common/base/limits.hpp"

namespace inout {

class RetryPolicy {
  public:
    static constexpr Milliseconds kContentionWindow{60'000};
    static constexpr Milliseconds kMaxWait{60'000};

    explicit RetryPolicy(Milliseconds interval) : interval_(interval), wait_(interval) {}

    void registered(Clock::time_point now) { registered_at_ = now; }

    /// The connection ended after registering; `by_peer`: with a FIN of a 0.0.1 proxy.
    /// Returns true when contention begins: warn once.
    bool lost(Clock::time_point now, bool by_peer) {
        if (!by_peer || now - registered_at_ >= kContentionWindow) {
            quick_losses_ = 0;
            wait_ = interval_;
            return false;
        }
        ++quick_losses_;
        if (quick_losses_ < 2) return false;
        wait_ = std::min(wait_ * 2, std::max(kMaxWait, interval_));
        return quick_losses_ == 2;
    }

    /// `chance` in [0, 1).
    Milliseconds wait(double chance) const {
        return Milliseconds(
            static_cast<long long>(static_cast<double>(wait_.count()) * (0.8 + 0.4 * chance)));
    }

  private:
    Milliseconds interval_;
    Milliseconds wait_;
    Clock::time_point registered_at_{};
    int quick_losses_ = 0;
};

}  // namespace inout
