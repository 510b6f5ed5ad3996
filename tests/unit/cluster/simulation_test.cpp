// Clusters of 3 to 50 proxies on simulated time, with much that goes wrong, and what must always
// hold: no byte goes to two backends; who is there is found within a second of any trouble; what
// worked without NATS works without it; nobody hears of topics that are not its own; nothing is
// left over.
//
// A seed that fails is printed. INOUT_SIMULATION_FIRST and INOUT_SIMULATION_SEEDS say which ones
// run (scripts/simulate.sh runs many).
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "sim_trouble.hpp"

namespace inout::cluster::simulation_test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kSeeds = 10;
#else
constexpr std::uint64_t kSeeds = 120;
#endif

std::uint64_t number_from(const char* variable, std::uint64_t usual) {
    const char* const text = std::getenv(variable);
    return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

sim::Sizes sizes_for(std::uint64_t seed) {
    sim::Events chance(~seed);
    const std::size_t proxies = 3 + chance.below(chance.by_chance(0.05) ? 48 : 6);
    return {.proxies = proxies,
            .servers = 1 + chance.below(3),
            .outs = 1 + chance.below(4 * proxies),
            .topics = 1 + chance.below(2 * proxies)};
}

TEST(ClusterSimulation, keeps_what_must_always_hold) {
    const auto first = number_from("INOUT_SIMULATION_FIRST", 1);
    const auto seeds = number_from("INOUT_SIMULATION_SEEDS", kSeeds);
    sim::World::Totals all;
    for (auto seed = first; seed < first + seeds; ++seed) {
        sim::World world(seed, sizes_for(seed));
        sim::Trouble(world).run(7);
        for (const auto& what : world.broken) ADD_FAILURE() << "seed " << seed << ": " << what;
        if (HasFailure()) return;
        all += world.totals;
    }
    // It saw what it is for.
    EXPECT_GT(all.demanded, seeds * 500);
    EXPECT_GT(all.demanded_without_nats, seeds);
    EXPECT_GT(all.over_a_hop, seeds * 500);
    EXPECT_GT(all.failed, seeds * 100);
}

TEST(ClusterSimulation, tells_nobody_of_topics_that_are_not_its_own) {
    sim::World world(1, {.proxies = 20, .servers = 3, .outs = 0, .topics = 1});
    world.events.run_until(world.events.now() + world.kSecond);
    for (std::size_t i = 0; i < 2'000; ++i) {
        const auto name = "topic." + std::to_string(i);
        world.proxy(1 + i % 19).add(i, {{name, i % 100 == 0}});
    }
    world.events.run_until(world.events.now() + world.kSecond);
    for (std::size_t i = 0; i < 2'000; ++i) {
        world.proxy(1 + (i + 1) % 19).find(i, "topic." + std::to_string(i), world.kSecond);
    }
    world.events.run_until(world.events.now() + world.kSecond);
    // Patterns are few, and told to all.
    EXPECT_EQ(world.nats.heard_by(world.proxy(0).client()), 20U);
}

TEST(ClusterSimulation, is_the_same_for_the_same_seed) {
    const auto run = [](std::uint64_t seed) {
        sim::World world(seed, sizes_for(seed));
        sim::Trouble(world).run(2);
        return std::pair(world.totals.opened, world.totals.failed);
    };
    EXPECT_EQ(run(7), run(7));
    EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace inout::cluster::simulation_test
