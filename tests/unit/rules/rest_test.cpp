// When one that failed may be chosen again, on a clock of the test's own.
#include "common/rules/rest.hpp"

#include <gtest/gtest.h>

namespace inout::rest_test {
namespace {

using namespace std::chrono_literals;

constexpr RestRule kTwice{.failures = 2, .fail_timeout = 10s};

TEST(RestTest, one_that_never_failed_does_not_rest) {
    const Rest rest;
    EXPECT_FALSE(rest.is_resting(Clock::now()));
    EXPECT_FALSE(rest.is_in_doubt());
}

TEST(RestTest, rests_as_long_as_the_rule_says) {
    const auto now = Clock::now();
    Rest rest;
    EXPECT_TRUE(rest.failed(now));
    EXPECT_TRUE(rest.is_resting(now + 10s - 1ms));
    EXPECT_FALSE(rest.is_resting(now + 10s));
    EXPECT_TRUE(rest.is_in_doubt());
}

TEST(RestTest, a_crowd_that_fails_at_once_begins_one_rest) {
    const auto now = Clock::now();
    Rest rest;
    int begun = 0;
    for (int i = 0; i < 1'000; ++i) begun += rest.failed(now + i * 1ms) ? 1 : 0;
    EXPECT_EQ(begun, 1);
    EXPECT_EQ(rest.until(), now + 10s);
}

TEST(RestTest, each_failure_behind_a_rest_doubles_it_up_to_five_minutes) {
    auto now = Clock::now();
    Rest rest;
    for (const auto length : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
        EXPECT_TRUE(rest.failed(now));
        EXPECT_EQ(rest.until() - now, length);
        now = rest.until();
    }
}

TEST(RestTest, a_longer_fail_timeout_than_five_minutes_stays_as_it_is) {
    auto now = Clock::now();
    Rest rest({.fail_timeout = 600s});
    rest.failed(now);
    now = rest.until();
    rest.failed(now);
    EXPECT_EQ(rest.until() - now, 600s);
}

TEST(RestTest, a_success_ends_it_and_the_next_one_is_short_again) {
    const auto now = Clock::now();
    Rest rest;
    rest.failed(now);
    rest.failed(now + 10s);
    EXPECT_TRUE(rest.succeeded());
    EXPECT_FALSE(rest.is_resting(now + 10s));
    EXPECT_FALSE(rest.succeeded());
    rest.failed(now + 11s);
    EXPECT_EQ(rest.until(), now + 21s);
}

TEST(RestTest, two_failures_count_only_within_the_time) {
    const auto now = Clock::now();
    Rest rest(kTwice);
    EXPECT_FALSE(rest.failed(now));
    EXPECT_FALSE(rest.failed(now + 10s));
    EXPECT_TRUE(rest.failed(now + 11s));
}

TEST(RestTest, a_success_between_two_failures_forgets_the_first) {
    const auto now = Clock::now();
    Rest rest(kTwice);
    rest.failed(now);
    EXPECT_FALSE(rest.succeeded());
    EXPECT_FALSE(rest.failed(now + 1s));
}

TEST(RestTest, without_a_time_nothing_rests) {
    Rest rest({.fail_timeout = 0s});
    EXPECT_FALSE(rest.failed(Clock::now()));
    EXPECT_FALSE(rest.is_resting(Clock::now()));
}

}  // namespace
}  // namespace inout::rest_test
