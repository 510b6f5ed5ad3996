#include "common/rules/budget.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "common/base/limits.hpp"
#include "common/os/descriptors.hpp"

namespace inout::budget_test {
namespace {

TEST(Budget, one_owner_alone_may_have_all) {
    Budget budget(10, 1);
    Budget::Places places, more;
    EXPECT_EQ(budget.most(), 10U);
    EXPECT_TRUE(budget.take(0, 10, places));
    EXPECT_FALSE(budget.take(0, 1, more));
    EXPECT_EQ(budget.used(0), 10U);
}

TEST(Budget, nobody_can_take_what_belongs_to_another) {
    Budget budget(100, 4);
    Budget::Places greedy;
    while (budget.take(0, 1, greedy)) {
    }
    EXPECT_EQ(greedy.count(), 12U + 52U);  // its own eighth, and all that is shared
    EXPECT_EQ(greedy.count(), budget.most());
    std::vector<Budget::Places> others(4);
    for (std::size_t owner = 1; owner < 4; ++owner) {
        EXPECT_TRUE(budget.take(owner, 12, others[owner]));
        EXPECT_FALSE(budget.take(owner, 1, others[owner])) << "nothing is left of the shared half";
    }
}

TEST(Budget, what_goes_is_there_again) {
    Budget budget(8, 2);
    for (int round = 0; round < 3; ++round) {
        Budget::Places first, second;
        EXPECT_TRUE(budget.take(0, 6, first));
        EXPECT_FALSE(budget.take(1, 3, second));
        EXPECT_EQ(second.count(), 0U) << "what does not fit takes nothing";
        first = {};
        EXPECT_EQ(budget.used(0), 0U);
        EXPECT_TRUE(budget.take(1, 3, second));
    }
    EXPECT_EQ(budget.used(1), 0U);
}

TEST(Budget, a_part_can_be_given_back) {
    Budget budget(4, 2);
    Budget::Places places;
    ASSERT_TRUE(budget.take(0, 3, places));
    places.reduce_to(3);
    EXPECT_EQ(budget.used(0), 3U);
    places.reduce_to(1);
    EXPECT_EQ(places.count(), 1U);
    EXPECT_EQ(budget.used(0), 1U);
    Budget::Places other;
    EXPECT_TRUE(budget.take(1, 3, other)) << "what is shared, too";
    places.reduce_to(2);
    EXPECT_EQ(places.count(), 1U);
    places = {};
    EXPECT_EQ(budget.used(0), 0U);
}

TEST(Budget, places_move_and_are_given_back_once) {
    Budget budget(4, 1);
    Budget::Places first;
    ASSERT_TRUE(budget.take(0, 1, first));
    ASSERT_TRUE(budget.take(0, 1, first)) << "what there is can grow";
    Budget::Places second = std::move(first);
    EXPECT_EQ(second.count(), 2U);
    EXPECT_EQ(first.count(), 0U);  // NOLINT(bugprone-use-after-move): that is what is tested
    second = {};
    EXPECT_EQ(budget.used(0), 0U);
}

TEST(Descriptors, streams_get_what_the_process_pipes_and_the_reserve_leave) {
    EXPECT_EQ(descriptors_for_streams(20'000, 1, 0), 20'000U - 32 - 8 - 4 - 3'333);
    EXPECT_EQ(descriptors_for_streams(20'000, 2, 100), 20'000U - 32 - 8 - 8 - 3'333 - 100);
    EXPECT_EQ(descriptors_for_streams(64, 1, 1'000), kStreamDescriptors) << "never none";
}

}  // namespace
}  // namespace inout::budget_test
