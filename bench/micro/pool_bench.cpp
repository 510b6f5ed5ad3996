// The pool's policy: what it adds to an open, on simulated time.
#include <benchmark/benchmark.h>

#include "common/rules/pool_policy.hpp"

namespace inout {
namespace {

/// A burst of streams, each of which takes a parked connection; then the replacements arrive.
void pool_burst(benchmark::State& state) {
    const auto burst = static_cast<std::size_t>(state.range(0));
    PoolPolicy policy(1, kPoolHardMax, kPoolHardMax);
    Clock::time_point now{};
    std::size_t parked = 0, on_the_way = policy.request(0, 0, now);
    for (auto _ : state) {
        for (std::size_t opened = 0; opened < burst; ++opened) {
            policy.stream_opened();
            if (parked > 0) --parked;
            on_the_way += policy.request(parked, 0, now);
        }
        for (; on_the_way > 0; --on_the_way) {
            policy.arrived();
            ++parked;
        }
        parked -= policy.surplus(parked, now);
        now += Milliseconds(1);
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(pool_burst)->Arg(1)->Arg(10)->Arg(100);

}  // namespace
}  // namespace inout
