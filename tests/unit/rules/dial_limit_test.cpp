// How many dials may run at once, on a clock of the test's own.
#include "common/rules/dial_limit.hpp"

#include <gtest/gtest.h>

namespace inout::dial_limit_test {
namespace {

using namespace std::chrono_literals;

class DialLimitTest : public testing::Test {
  protected:
    void succeed(std::size_t times, bool crowded = true) {
        for (std::size_t i = 0; i < times; ++i) limit.succeeded(crowded);
    }
    DialLimit limit;
    Clock::time_point now = Clock::now();
};

TEST_F(DialLimitTest, doubles_in_the_time_of_one_dial_up_to_the_most) {
    succeed(kDialsFirst);
    EXPECT_EQ(limit.now(), 2 * kDialsFirst);
    succeed(10 * kDialsMax);
    EXPECT_EQ(limit.now(), kDialsMax);
}

TEST_F(DialLimitTest, stays_where_nobody_waits) {
    succeed(1'000, false);
    EXPECT_EQ(limit.now(), kDialsFirst);
}

TEST_F(DialLimitTest, a_batch_that_ran_out_of_time_halves_it_once) {
    for (int i = 0; i < 50; ++i) limit.timed_out(now, now + 5s + Milliseconds{i});
    EXPECT_EQ(limit.now(), kDialsFirst / 2);
    limit.timed_out(now + 6s, now + 11s);
    EXPECT_EQ(limit.now(), kDialsFirst / 4);
}

TEST_F(DialLimitTest, never_falls_below_the_least) {
    for (int i = 0; i < 50; ++i) {
        limit.timed_out(now, now + 5s);
        now += 6s;
    }
    EXPECT_EQ(limit.now(), kDialsMin);
}

TEST_F(DialLimitTest, after_that_it_grows_by_one_in_the_time_of_one_dial) {
    limit.timed_out(now, now + 5s);
    const std::size_t halved = limit.now();
    succeed(halved);
    EXPECT_EQ(limit.now(), halved + 1);
    succeed(halved + 1);
    EXPECT_EQ(limit.now(), halved + 2);
}

}  // namespace
}  // namespace inout::dial_limit_test
