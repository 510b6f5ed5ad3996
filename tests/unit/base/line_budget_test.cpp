#include "common/base/line_budget.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace inout::log::line_budget_test {
namespace {

using namespace std::chrono_literals;

constexpr Clock::time_point kStart{1h};

std::optional<std::uint64_t> pass(LineBudget& budget, Kind kind, const std::string& about,
                                  Clock::time_point now) {
    return budget.pass(Level::warning, kind, "event", about, now);
}

/// How many of `count` lines at one time are written.
unsigned written(LineBudget& budget, Kind kind, const std::string& about, unsigned count,
                 Clock::time_point now) {
    unsigned passed = 0;
    for (unsigned i = 0; i < count; ++i) passed += pass(budget, kind, about, now) ? 1 : 0;
    return passed;
}

TEST(LineBudget, one_thing_has_its_burst_then_a_line_in_each_interval) {
    LineBudget budget;
    EXPECT_EQ(written(budget, Kind::failure, "t", 100, kStart), kFailureLines.burst);
    EXPECT_EQ(pass(budget, Kind::failure, "t", kStart + kFailureLines.interval - 1ns),
              std::nullopt);
    EXPECT_EQ(pass(budget, Kind::failure, "t", kStart + kFailureLines.interval), 71U);
    EXPECT_EQ(pass(budget, Kind::failure, "t", kStart + kFailureLines.interval), std::nullopt);
    EXPECT_EQ(pass(budget, Kind::failure, "t", kStart + 1h), 1U);
    EXPECT_EQ(pass(budget, Kind::failure, "t", kStart + 1h), 0U);
}

TEST(LineBudget, a_noisy_thing_does_not_hide_another) {
    LineBudget budget;
    EXPECT_EQ(written(budget, Kind::warning, "noisy", 1'000, kStart), 1U);
    EXPECT_EQ(pass(budget, Kind::warning, "quiet", kStart), 0U);
    EXPECT_EQ(budget.pass(Level::warning, Kind::warning, "other event", "noisy", kStart), 0U);
}

TEST(LineBudget, a_day_of_ever_new_things_is_bounded) {
    LineBudget budget;
    unsigned lines = 0, things = 0;
    constexpr int kSeconds = 3'600;
    for (int second = 0; second < kSeconds; ++second) {
        for (int i = 0; i < 50; ++i) {
            const std::string about = std::to_string(++things);
            lines += pass(budget, Kind::warning, about, kStart + second * 1s) ? 1 : 0;
        }
        (void)budget.tell(kStart + second * 1s);
    }
    EXPECT_LE(lines, kAllWarningLines.burst + kSeconds * (1s / kAllWarningLines.interval));
    EXPECT_GE(lines, static_cast<unsigned>(kSeconds));
}

TEST(LineBudget, things_beyond_the_table_share_one_bucket) {
    LineBudget budget(2);
    EXPECT_EQ(pass(budget, Kind::warning, "a", kStart), 0U);
    EXPECT_EQ(pass(budget, Kind::warning, "b", kStart), 0U);
    EXPECT_EQ(pass(budget, Kind::warning, "c", kStart), 0U);
    EXPECT_EQ(pass(budget, Kind::warning, "d", kStart), std::nullopt);
    // Later there is room again.
    (void)budget.tell(kStart + 1h, true);
    EXPECT_EQ(pass(budget, Kind::warning, "d", kStart + 1h), 0U);
    EXPECT_EQ(pass(budget, Kind::warning, "e", kStart + 1h), 0U);
}

TEST(LineBudget, the_end_of_a_burst_is_told_once_there_is_room) {
    LineBudget budget;
    EXPECT_EQ(written(budget, Kind::warning, "t", 8, kStart), 1U);
    EXPECT_TRUE(budget.tell(kStart).empty());
    const auto told = budget.tell(kStart + kWarningLines.interval);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].event, "event");
    EXPECT_EQ(told[0].about, "t");
    EXPECT_EQ(told[0].count, 7U);
    EXPECT_EQ(told[0].level, Level::warning);
    EXPECT_TRUE(budget.tell(kStart + 1h).empty());
}

TEST(LineBudget, at_the_end_all_is_told) {
    LineBudget budget;
    EXPECT_EQ(written(budget, Kind::warning, "t", 8, kStart), 1U);
    ASSERT_EQ(budget.tell(kStart, true).size(), 1U);
    EXPECT_TRUE(budget.tell(kStart, true).empty());
}

}  // namespace
}  // namespace inout::log::line_budget_test
