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

TEST(Budget, a_smaller_one_takes_nothing_from_who_has_more) {
    Budget budget(100, 2);
    Budget::Places many, few;
    ASSERT_TRUE(budget.take(0, 60, many));
    budget.resize(40);
    EXPECT_EQ(budget.used(0), 60U);
    EXPECT_FALSE(budget.take(0, 1, many));
    EXPECT_TRUE(budget.take(1, 10, few)) << "its own part it may have";
    EXPECT_FALSE(budget.take(1, 1, few)) << "of the shared half nothing is left";
    many.reduce_to(20);
    EXPECT_TRUE(budget.take(0, 10, many));
    EXPECT_FALSE(budget.take(0, 1, many));
    budget.resize(100);
    EXPECT_TRUE(budget.take(0, 35, many));
    EXPECT_FALSE(budget.take(0, 11, many));
    many = {};
    few = {};
    EXPECT_EQ(budget.used(0) + budget.used(1), 0U);
    EXPECT_TRUE(budget.take(0, 75, many)) << "nothing was lost on the way";
}

TEST(Budget, who_joins_has_a_part_of_what_the_others_had) {
    Budget budget(40, 0);
    EXPECT_EQ(budget.join(), 0U);
    Budget::Places first, second;
    ASSERT_TRUE(budget.take(0, 40, first));
    EXPECT_EQ(budget.join(), 1U);
    EXPECT_TRUE(budget.take(1, 10, second));
    EXPECT_FALSE(budget.take(1, 1, second));
    first.reduce_to(29);
    EXPECT_TRUE(budget.take(1, 1, second));
}

TEST(Budget, who_has_left_keeps_what_it_has_and_its_number_until_all_is_given_back) {
    Budget budget(40, 2);
    Budget::Places late, other;
    ASSERT_TRUE(budget.take(0, 20, late));
    budget.leave(0);
    EXPECT_EQ(budget.used(0), 20U);
    EXPECT_EQ(budget.most(), 40U) << "the only one that is there";
    EXPECT_TRUE(budget.take(1, 20, other));
    EXPECT_FALSE(budget.take(1, 1, other));
    EXPECT_EQ(budget.join(), 2U);
    late = {};
    EXPECT_EQ(budget.used(0), 0U);
    EXPECT_EQ(budget.join(), 0U);
}

TEST(Budget, reloads_for_ever_need_no_more_memory_than_there_are_owners_at_once) {
    Budget budget(100, 0);
    std::size_t before = budget.join();
    for (int i = 0; i < 1'000; ++i) {
        Budget::Places places;
        const std::size_t number = budget.join();
        EXPECT_LE(number, 1U);
        ASSERT_TRUE(budget.take(number, 50, places));
        budget.leave(before);
        before = number;
    }
}

TEST(Descriptors, streams_get_what_the_process_pipes_and_the_reserve_leave) {
    EXPECT_EQ(descriptors_for_streams(20'000, 1, 0), 20'000U - 32 - 8 - 4 - 3'333);
    EXPECT_EQ(descriptors_for_streams(20'000, 2, 100), 20'000U - 32 - 8 - 8 - 3'333 - 100);
    EXPECT_EQ(descriptors_for_streams(64, 1, 1'000), kStreamDescriptors) << "never none";
}

}  // namespace
}  // namespace inout::budget_test
