#include "common/base/turn.hpp"

#include <gtest/gtest.h>

namespace inout::turn_test {
namespace {

TEST(TurnTest, is_over_when_its_bytes_are_spent) {
    Turn turn;
    turn.spend(Turn::kRead, kTurnBytes - 1);
    EXPECT_FALSE(turn.is_over());
    turn.spend(Turn::kRead, 1);
    EXPECT_TRUE(turn.is_over());
}

TEST(TurnTest, is_over_when_its_operations_are_spent_however_little_they_brought) {
    Turn turn;
    for (unsigned i = 1; i < kTurnOperations; ++i) turn.spend(Turn::kRead, 1);
    EXPECT_FALSE(turn.is_over());
    turn.spend(Turn::kRead);
    EXPECT_TRUE(turn.is_over());
}

TEST(TurnTest, spending_more_than_is_left_ends_it_and_no_more) {
    Turn turn(10);
    turn.spend(kTurnOperations - 1, 5);
    EXPECT_FALSE(turn.is_over());
    turn.spend(Turn::kMessage, 1'000);
    EXPECT_TRUE(turn.is_over());
}

TEST(TurnTest, dear_operations_are_few) {
    Turn turn;
    unsigned messages = 0;
    for (; !turn.is_over(); ++messages) turn.spend(Turn::kMessage, 10);
    EXPECT_EQ(messages, kTurnOperations / Turn::kMessage);
}

}  // namespace
}  // namespace inout::turn_test
