// Lookup: one question to all proxies, from its sending to its end. Time is an argument.
//
// Nothing is better than the first exact answer, so one stream may go that way at once. The look-up
// ends one round trip behind it, so that others who have the topic too are heard; behind the first
// answer of a pattern it waits for an exact one as long as answers take at worst; at once when all
// who had it lately have answered; and in any case after kRoundTripsMax round trips. An answer of
// one who takes no streams now, or could not be reached lately, ends nothing. That nobody listens
// is a hint that NATS gives at once and that may be wrong: whoever asks decides what to do with an
// end without a route. Pure; owned by its node.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/cluster/cluster_limits.hpp"
#include "common/cluster/route_set.hpp"

namespace inout::cluster {

/// What was measured of late.
struct RoundTrips {
    Clock::duration server = kFirstRoundTrip;  ///< to the server of NATS and back
    Clock::duration answer = kFirstRoundTrip;  ///< from a question to its answers, at worst

    /// How long a look-up waits at most.
    Clock::duration patience() const {
        return std::clamp<Clock::duration>(kRoundTripsMax * std::max(server, answer), kLookupMin,
                                           kLookupMax);
    }
};

class Lookup {
  public:
    /// `expected`: the proxies that had the topic lately; may be none.
    Lookup(std::vector<std::string> expected, const RoundTrips& times, Clock::time_point now)
        : expected_(std::move(expected)), times_(times), ends_at_(now + times.patience()) {}

    /// `is_usable`: nothing is known against that proxy. The way that it is, if it is the first
    /// that nothing is better than.
    Route* answered(const Answer& answer, bool is_usable, Clock::time_point now) {
        std::erase(expected_, answer.proxy);
        Route* best = nullptr;
        if (found_.add(answer) && answer.ready && is_usable) {
            if (found_.is_exact() && !std::exchange(has_best_, true)) {
                best = &found_.routes().back();
            }
            has_usable_ = true;
            end_by(now + (found_.is_exact() ? times_.server : std::min(times_.answer, kBetterMax)));
        }
        if (expected_.empty() && expected_any_ && has_usable_) end_by(now);
        return best;
    }
    /// NATS says that nobody listens.
    void nobody_listens(Clock::time_point now) {
        if (!found_.is_empty()) return;
        is_denied_ = true;
        end_by(now);
    }
    /// NATS can not be reached any more.
    void cut_off(Clock::time_point now) { end_by(now); }

    Clock::time_point ends_at() const { return ends_at_; }
    const RouteSet& found() const { return found_; }
    /// Nobody listens, at least where NATS knew of it. Otherwise an end without a route may come
    /// before its answers.
    bool is_denied() const { return is_denied_; }

  private:
    void end_by(Clock::time_point when) { ends_at_ = std::min(ends_at_, when); }

    std::vector<std::string> expected_;  // and not heard
    bool expected_any_ = !expected_.empty();
    RoundTrips times_;
    bool is_denied_ = false, has_usable_ = false, has_best_ = false;
    Clock::time_point ends_at_;
    RouteSet found_;
};

}  // namespace inout::cluster
