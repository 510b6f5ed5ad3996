#include "common/base/counters.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace inout::counters_test {
namespace {

/// Of what nothing else in this program counts meanwhile.
const Counter& counter() { return counters().evicted_total; }

TEST(CountersTest, each_counter_has_its_own_number) {
    const std::size_t before = counters().refused_total, after = counters().monitors_total;
    counters().denied_total.add(3);
    EXPECT_EQ(counters().refused_total, before);
    EXPECT_EQ(counters().monitors_total, after);
    counters().denied_total.take(3);
}

TEST(CountersTest, what_all_threads_count_is_summed_also_when_they_have_ended) {
    const std::size_t before = counter();
    for (int round = 0; round < 3; ++round) {
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([] {
                for (int n = 0; n < 1'000; ++n) counter().add();
            });
        }
        for (auto& each : threads) each.join();
    }
    EXPECT_EQ(counter(), before + 12'000);
    counter().take(12'000);
}

TEST(CountersTest, what_one_thread_begins_another_may_end) {
    const std::size_t before = counter();
    std::optional<Counted> counted;
    std::thread([&] { counted.emplace(counter()); }).join();
    EXPECT_EQ(counter(), before + 1);
    std::thread([&] {
        Counted moved = std::move(*counted);
        counted.reset();
        EXPECT_EQ(counter(), before + 1);
    }).join();
    EXPECT_EQ(counter(), before);
}

TEST(CountersTest, an_end_that_is_seen_without_its_beginning_is_no_enormous_number) {
    const auto before = static_cast<std::int64_t>(counter().load());
    counter().take(before + 1);
    EXPECT_EQ(counter(), 0U);
    counter().add(before + 1);
    EXPECT_EQ(counter(), static_cast<std::size_t>(before));
}

TEST(CountersTest, a_reader_sees_no_less_than_was_there_all_the_time) {
    const std::size_t before = counter();
    const Counted one(counter());
    std::atomic<bool> over{false};
    std::thread others([&] {
        while (!over) const Counted another(counter());
    });
    for (int i = 0; i < 10'000; ++i) {
        const std::size_t seen = counter();
        EXPECT_GE(seen, before + 1);
        EXPECT_LE(seen, before + 2);
    }
    over = true;
    others.join();
}

TEST(CountersTest, a_part_of_the_program_has_its_own_number) {
    std::atomic<std::size_t> here{0};
    {
        const CountedHere one(here);
        EXPECT_EQ(here, 1U);
    }
    EXPECT_EQ(here, 0U);
}

TEST(CountersTest, what_an_owner_knows_is_taken_away_with_it) {
    const std::size_t before = counter();
    {
        CountedMany first(counter()), second(counter());
        first.set(5);
        second.set(7);
        first.set(2);
        EXPECT_EQ(counter(), before + 9);
    }
    EXPECT_EQ(counter(), before);
}

}  // namespace
}  // namespace inout::counters_test
