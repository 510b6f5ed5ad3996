#include "common/relay/rates.hpp"

namespace inout {
namespace {

std::shared_ptr<RateLimiter> limiter_for(const std::optional<ByteRate>& rate,
                                         const std::shared_ptr<RateLimiter>& before,
                                         const Executor& executor) {
    if (!rate || before) return rate ? before : nullptr;
    return std::make_shared<RateLimiter>(executor, rate->count());
}

void set_rate(const std::optional<ByteRate>& rate, const std::shared_ptr<RateLimiter>& before,
              const std::shared_ptr<RateLimiter>& now) {
    if (now) {
        now->set_rate(rate->count());
    } else if (before) {
        before->set_rate(0);
    }
}

}  // namespace

Rates rates_for(const std::optional<RateOptions>& options, const Rates& before,
                const Executor& executor) {
    const RateOptions rate = options.value_or(RateOptions{});
    return {limiter_for(rate.up, before.up, executor),
            limiter_for(rate.down, before.down, executor)};
}

void take_effect(const std::optional<RateOptions>& options, const Rates& before, const Rates& now) {
    const RateOptions rate = options.value_or(RateOptions{});
    set_rate(rate.up, before.up, now.up);
    set_rate(rate.down, before.down, now.down);
}

std::unique_ptr<StreamLimits> limits_of(const Rates& rates) {
    if (!rates.up && !rates.down) return nullptr;
    auto limits = std::make_unique<StreamLimits>();
    if (rates.up) limits->up.push_back(rates.up);
    if (rates.down) limits->down.push_back(rates.down);
    return limits;
}

}  // namespace inout
