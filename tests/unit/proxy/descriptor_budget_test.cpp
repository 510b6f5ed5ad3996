// Who has how many descriptors, and who may have one more.
#include "proxy/descriptor_budget.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace inout::proxy::descriptor_budget_test {
namespace {

using Kind = DescriptorBudget::Kind;
using Verdict = DescriptorBudget::Verdict;

class DescriptorBudgetTest : public testing::Test {
  protected:
    /// How many it gets, one after the other; they are kept.
    std::size_t fill(Kind kind, const DescriptorBudget::Owner& owner, std::size_t count = 1) {
        for (std::size_t got = 0;; ++got) {
            last = take(kind, owner, count);
            if (last != Verdict::granted) return got;
        }
    }
    Verdict take(Kind kind, const DescriptorBudget::Owner& owner, std::size_t count = 1) {
        std::unique_ptr<DescriptorBudget::Share> share;
        const Verdict verdict = budget.take(kind, owner, count, in_use, share);
        EXPECT_EQ(share != nullptr, verdict == Verdict::granted);
        if (share) shares.push_back(std::move(share));
        return verdict;
    }

    DescriptorBudget budget{1'600, 20};
    std::size_t in_use = 0;
    Verdict last = Verdict::granted;
    std::vector<std::unique_ptr<DescriptorBudget::Share>> shares;
    const DescriptorBudget::Owner key{.name = "key a"}, other{.name = "key b"};
};

TEST_F(DescriptorBudgetTest, other_proxies_have_half_of_all_and_clients_can_not_starve_them) {
    const DescriptorBudget::Owner b{.name = "proxy b", .peer = true},
        c{.name = "proxy c", .peer = true};
    EXPECT_EQ(fill(Kind::stream, b, 2), 400U);
    EXPECT_EQ(fill(Kind::stream, c, 2), 0U);
    EXPECT_EQ(last, Verdict::owner_has_enough);
    EXPECT_EQ(take(Kind::stream, key, 2), Verdict::granted);
    shares.clear();
    EXPECT_EQ(fill(Kind::stream, key, 2), 700U);
    EXPECT_EQ(fill(Kind::stream, b, 2), 50U) << "its own part";
}

TEST_F(DescriptorBudgetTest, one_key_can_not_take_all_and_each_other_has_its_part) {
    EXPECT_EQ(fill(Kind::stream, key, 2), 700U);
    EXPECT_EQ(last, Verdict::owner_has_enough);
    EXPECT_EQ(fill(Kind::control, other), 100U);
    EXPECT_EQ(take(Kind::control, {.name = "key c"}), Verdict::none_left)
        << "the rest is for those who are not yet known";
    shares.clear();
    EXPECT_EQ(fill(Kind::stream, key, 2), 700U) << "all were given back";
}

TEST_F(DescriptorBudgetTest, what_a_key_has_parked_is_not_held_against_what_it_needs) {
    for (int i = 0; i < 100; ++i) ASSERT_EQ(take(Kind::parked, key), Verdict::granted);
    for (int i = 0; i < 20; ++i) ASSERT_EQ(take(Kind::spare, key), Verdict::granted);
    EXPECT_EQ(take(Kind::spare, key), Verdict::owner_has_enough) << "spare_max";
    EXPECT_EQ(take(Kind::spare, other), Verdict::granted);
    EXPECT_EQ(fill(Kind::control, other), 1'400U);
    EXPECT_EQ(fill(Kind::stream, key, 2), 50U);
}

TEST_F(DescriptorBudgetTest, the_anonymous_leave_half_to_those_who_are_known_and_share_the_other) {
    EXPECT_EQ(fill(Kind::stream, {.name = "192.0.2.1", .anonymous = true}, 2), 200U);
    EXPECT_EQ(fill(Kind::stream, {.name = "192.0.2.2", .anonymous = true}, 2), 200U);
    EXPECT_EQ(take(Kind::stream, {.name = "192.0.2.3", .anonymous = true}, 2),
              Verdict::owner_has_enough);
    EXPECT_EQ(fill(Kind::stream, key, 2), 300U);
}

TEST_F(DescriptorBudgetTest, what_the_anonymous_have_parked_is_not_held_against_what_they_need) {
    const DescriptorBudget::Owner one{.name = "192.0.2.1", .anonymous = true},
        two{.name = "192.0.2.2", .anonymous = true};
    EXPECT_EQ(fill(Kind::parked, one), 400U) << "all that is optional";
    EXPECT_EQ(fill(Kind::stream, one, 2), 200U) << "and what it needs as if it had none";
    EXPECT_EQ(fill(Kind::control, two), 400U);
    EXPECT_EQ(last, Verdict::owner_has_enough);
    shares.clear();
    EXPECT_EQ(fill(Kind::control, one), 400U);
    EXPECT_EQ(take(Kind::parked, one), Verdict::owner_has_enough)
        << "what it needs is held against what is optional";
    EXPECT_EQ(take(Kind::parked, two), Verdict::granted);
}

TEST_F(DescriptorBudgetTest, a_balancer_speaks_for_many_anonymous) {
    EXPECT_EQ(fill(Kind::stream, {.name = "127.0.0.1", .anonymous = true, .shared = true}, 2),
              400U);
}

TEST_F(DescriptorBudgetTest, what_is_optional_has_a_quarter_and_does_not_stand_in_the_way) {
    EXPECT_EQ(fill(Kind::parked, key), 400U);
    EXPECT_EQ(last, Verdict::none_left);
    EXPECT_FALSE(budget.has_room(Kind::parked, other, in_use));
    EXPECT_EQ(fill(Kind::control, other), 1'400U);
}

TEST_F(DescriptorBudgetTest, where_descriptors_are_few_nothing_optional_is_taken) {
    in_use = 1'199;
    EXPECT_TRUE(budget.has_room(Kind::parked, key, in_use));
    EXPECT_EQ(take(Kind::parked, key), Verdict::granted);
    in_use = 1'400;
    EXPECT_TRUE(budget.is_tight(in_use));
    EXPECT_EQ(take(Kind::parked, key), Verdict::none_left);
    EXPECT_EQ(take(Kind::spare, key), Verdict::none_left);
    EXPECT_EQ(take(Kind::stream, key, 2), Verdict::granted);
    EXPECT_FALSE(budget.is_spent(in_use));
    EXPECT_TRUE(budget.is_spent(1'500));
}

TEST_F(DescriptorBudgetTest, what_has_given_way_comes_back_only_where_there_is_room_for_good) {
    for (in_use = 1'200; in_use < 1'400; ++in_use) {
        ASSERT_FALSE(budget.is_tight(in_use));
        ASSERT_FALSE(budget.has_room(Kind::parked, key, in_use)) << in_use;
        ASSERT_EQ(take(Kind::spare, key), Verdict::none_left);
    }
}

TEST_F(DescriptorBudgetTest, has_room_says_what_take_would) {
    const DescriptorBudget::Owner anonymous{.name = "192.0.2.1", .anonymous = true};
    for (const Kind kind : {Kind::stream, Kind::parked, Kind::spare, Kind::control}) {
        for (const auto& owner : {anonymous, key, other}) {
            while (budget.has_room(kind, owner, in_use)) {
                ASSERT_EQ(take(kind, owner), Verdict::granted);
            }
            ASSERT_NE(take(kind, owner), Verdict::granted);
        }
    }
}

}  // namespace
}  // namespace inout::proxy::descriptor_budget_test
