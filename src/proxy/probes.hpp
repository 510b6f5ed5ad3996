// What a doctor is told: whether a topic may be used or registered, whether somebody has it, and
// whether that one reaches its backend (docs/protocol.md, "Probes"). Opens no stream. On the worker
// of its connection.
#pragma once

#include <mutex>

#include "common/rules/source_rate.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {

/// From each source, and this many at once: as many as a site has topics.
inline constexpr unsigned kProbesPerSecond = 20, kProbesBurst = 100;

/// How often each source may ask. Thread-safe.
class ProbeRate {
  public:
    bool count(const IpAddress& source) {
        const std::lock_guard lock(mutex_);
        return rate_.count(source, Clock::now());
    }

  private:
    std::mutex mutex_;
    SourceRate rate_{kProbesPerSecond, kProbesBurst};
};

/// Answers whoever has introduced itself with `probe`, one question after another, until it ends or
/// its time is over.
Task<> probe_session(ProxyState& state, Worker& worker, ConnectionPtr connection,
                     InWarmRequest request, StandingPtr standing,
                     std::shared_ptr<Strangers::Acquaintance> known);

}  // namespace inout::proxy
