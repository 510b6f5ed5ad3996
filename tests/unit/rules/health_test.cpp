#include "common/rules/health.hpp"

#include <gtest/gtest.h>

namespace inout::health_test {
namespace {

TEST(Health, is_up_until_so_many_failures_in_a_row) {
    Health health({.rise = 2, .fall = 3});
    EXPECT_TRUE(health.is_up());
    EXPECT_FALSE(health.answered(false));
    EXPECT_FALSE(health.answered(false));
    EXPECT_FALSE(health.answered(true)) << "that ends the row";
    EXPECT_FALSE(health.answered(false));
    EXPECT_FALSE(health.answered(false));
    EXPECT_TRUE(health.is_up());
    EXPECT_TRUE(health.answered(false));
    EXPECT_FALSE(health.is_up());
    EXPECT_FALSE(health.answered(false)) << "it is down already";
}

TEST(Health, is_down_until_so_many_successes_in_a_row) {
    Health health({.rise = 2, .fall = 1});
    EXPECT_TRUE(health.answered(false));
    EXPECT_FALSE(health.answered(true));
    EXPECT_FALSE(health.answered(false));
    EXPECT_FALSE(health.answered(true));
    EXPECT_FALSE(health.is_up());
    EXPECT_TRUE(health.answered(true));
    EXPECT_TRUE(health.is_up());
}

TEST(Health, keeps_what_it_knows_when_the_rule_changes) {
    Health health({.rise = 1, .fall = 5});
    EXPECT_FALSE(health.answered(false));
    health.set_rule({.rise = 3, .fall = 2});
    EXPECT_TRUE(health.answered(false));
    EXPECT_FALSE(health.answered(true));
    EXPECT_FALSE(health.is_up());
}

}  // namespace
}  // namespace inout::health_test
