// Rates: the limiters of a network or of a key, which all its streams share. A value; on the main
// thread where it changes.
#pragma once

#include <memory>
#include <optional>

#include "common/relay/direction_limit.hpp"
#include "common/rules/amount.hpp"

namespace inout {

/// Nothing: there is no limit.
struct Rates {
    std::shared_ptr<RateLimiter> up, down;
};

/// Those for these options. A limiter that was there before stays, so that running streams go on
/// with it; its rate changes at take_effect(). The timers run on `executor`.
Rates rates_for(const std::optional<RateOptions>& options, const Rates& before,
                const Executor& executor);
/// What rates_for() has made of `before` counts from now on. What is limited no more goes on free.
void take_effect(const std::optional<RateOptions>& options, const Rates& before, const Rates& now);

/// Of a stream of a network; nothing: there are none.
std::unique_ptr<StreamLimits> limits_of(const Rates& rates);

}  // namespace inout
