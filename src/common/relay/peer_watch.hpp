// Tells a vanished peer from one that is only slow or paused.
//
// Keepalive does not run while bytes are under way, and TCP_USER_TIMEOUT kills live peers whose
// window is zero. So a worker samples TCP_INFO: bytes in flight (or zero-window probes) and no
// acknowledgement of any kind for `peer_timeout` mean that nobody is there. A paused reader
// acknowledges every probe. Pure; time is an argument.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/os/tcp_info.hpp"

namespace inout {

class PeerWatch {
  public:
    /// True when the peer has acknowledged nothing for `timeout` although it had reason to.
    bool dead(const TcpSample& sample, Clock::time_point now, Milliseconds timeout) {
        // Probes are up to two minutes apart and may be lost: three, before they mean anything.
        const bool asked = sample.unacked > 0 || sample.probes >= 3;
        if (sample.closed || !asked) {
            silent_since_.reset();
            return false;
        }
        // Before the first sample the connection may have been idle for hours, rightly.
        silent_since_ = std::max(silent_since_.value_or(now), now - sample.last_ack);
        return now - *silent_since_ >= timeout;
    }

  private:
    std::optional<Clock::time_point> silent_since_;
};

/// Tells what has come to rest from what still moves, however slowly.
class ProgressWatch {
  public:
    /// True: `amount` has stayed the same for `limit`, and all that time something was `waiting`.
    /// Never for a limit of 0.
    bool stuck(std::uint64_t amount, bool waiting, Clock::time_point now, Milliseconds limit) {
        if (!since_ || !waiting || amount != amount_) {
            amount_ = amount;
            since_ = now;
        }
        return waiting && limit > Milliseconds{0} && now - *since_ >= limit;
    }

  private:
    std::uint64_t amount_ = 0;
    std::optional<Clock::time_point> since_;
};

}  // namespace inout
