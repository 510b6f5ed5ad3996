#include "common/admin/history.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace inout::admin::history_test {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kBegin = 5'000s;

Totals up_to(std::uint64_t bytes) {
    return {
        .bytes_up = bytes, .bytes_down = 2 * bytes, .opened = bytes / 10, .failed = bytes / 100};
}

std::vector<std::uint64_t> ups(const History& history) {
    std::vector<std::uint64_t> all;
    for (const auto& point : history.points()) all.push_back(point.moved.bytes_up);
    return all;
}

TEST(History, HasWhatEachStepMoved) {
    History history;
    history.add(kBegin, up_to(1'000));
    EXPECT_TRUE(history.points().empty());
    history.add(kBegin + 10s, up_to(1'700));
    history.add(kBegin + 20s, up_to(1'700));
    history.add(kBegin + 30s, up_to(2'000));
    EXPECT_EQ(ups(history), (std::vector<std::uint64_t>{700, 0, 300}));
    const auto& [end, moved] = history.points().front();
    EXPECT_EQ(end, kBegin + 10s);
    EXPECT_EQ(moved.bytes_down, 1'400U);
    EXPECT_EQ(moved.opened, 70U);
    EXPECT_EQ(moved.failed, 7U);
}

TEST(History, StepsAreOfOneLengthHoweverLateTheCalls) {
    History history;
    history.add(kBegin, up_to(0));
    history.add(kBegin + 9'999ms, up_to(9'999));
    EXPECT_TRUE(history.points().empty());
    history.add(kBegin + 17s, up_to(17'000));
    history.add(kBegin + 20s, up_to(20'000));
    EXPECT_EQ(ups(history), (std::vector<std::uint64_t>{10'000, 10'000}));
    // Stopped for a while: that moved evenly, and the end of each step is where it belongs.
    history.add(kBegin + 65s, up_to(65'000));
    EXPECT_EQ(ups(history), (std::vector<std::uint64_t>(6, 10'000)));
    for (std::size_t i = 0; i < 6; ++i) {
        EXPECT_EQ(history.points()[i].end, kBegin + 10s * (i + 1));
    }
}

TEST(History, LosesNothingToRounding) {
    History history;
    history.add(kBegin, {});
    history.add(kBegin + 100s, {.bytes_up = 101, .opened = 3});
    const auto all = ups(history);
    EXPECT_EQ(std::accumulate(all.begin(), all.end(), std::uint64_t{0}), 101U);
    std::uint64_t opened = 0;
    for (const auto& point : history.points()) opened += point.moved.opened;
    EXPECT_EQ(opened, 3U);
}

TEST(History, KeepsAnHour) {
    History history;
    for (unsigned i = 0; i <= 400; ++i) history.add(kBegin + i * 10s, up_to(i * i));
    ASSERT_EQ(history.points().size(), kHistorySteps);
    EXPECT_EQ(history.points().back().end, kBegin + 4'000s);
    EXPECT_EQ(history.points().front().end, kBegin + 410s);
    // A machine that slept for a year.
    history.add(kBegin + 24h * 365, up_to(160'000));
    EXPECT_EQ(ups(history), std::vector<std::uint64_t>(kHistorySteps, 0));
}

TEST(History, NeitherTimeNorCountGoesBack) {
    History history;
    history.add(kBegin, up_to(1'000));
    history.add(kBegin - 10s, up_to(1'000));
    history.add(kBegin + 10s, up_to(900));
    history.add(kBegin + 10s, up_to(2'000));
    history.add(kBegin + 20s, up_to(1'500));
    EXPECT_EQ(ups(history), (std::vector<std::uint64_t>{0, 500}));
}

}  // namespace
}  // namespace inout::admin::history_test
