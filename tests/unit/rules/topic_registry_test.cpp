#include "common/rules/topic_registry.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace inout::topic_registry_test {
namespace {

using Ids = std::vector<RegistrationId>;
constexpr bool kTakeover = false, kStandby = true;

/// Registrations for one topic; instance "" is a 0.0.1 out.
class TopicRegistryTest : public testing::Test {
  protected:
    TopicRegistry::Added add(RegistrationId id, const std::string& instance, bool standby) {
        return registry.add("t", id, instance, standby);
    }
    Ids line() const { return registry.line("t"); }

    TopicRegistry registry;
};

TEST_F(TopicRegistryTest, nobody_holds_a_topic_at_first) {
    EXPECT_FALSE(registry.holder("t"));
    EXPECT_TRUE(line().empty());
    EXPECT_EQ(registry.topics(), 0U);
}

TEST_F(TopicRegistryTest, the_first_out_holds_the_topic_also_as_a_standby) {
    for (const bool standby : {kTakeover, kStandby}) {
        const auto added = add(1, "a", standby);
        EXPECT_TRUE(added.accepted);
        EXPECT_EQ(added.position, 0U);
        EXPECT_FALSE(added.displaced);
        EXPECT_FALSE(added.replaced);
        EXPECT_EQ(registry.holder("t"), 1U);
        EXPECT_FALSE(registry.remove("t", 1).promoted);
    }
}

TEST_F(TopicRegistryTest, a_takeover_goes_to_the_head_and_the_displaced_one_stays_next_in_line) {
    add(1, "a", kTakeover);
    const auto added = add(2, "b", kTakeover);
    EXPECT_EQ(added.position, 0U);
    EXPECT_EQ(added.displaced, 1U);
    EXPECT_FALSE(added.replaced);
    EXPECT_EQ(line(), (Ids{2, 1}));
}

TEST_F(TopicRegistryTest, a_standby_joins_the_end_and_displaces_nobody) {
    add(1, "a", kTakeover);
    add(2, "b", kStandby);
    const auto added = add(3, "c", kStandby);
    EXPECT_EQ(added.position, 2U);
    EXPECT_FALSE(added.displaced);
    EXPECT_EQ(line(), (Ids{1, 2, 3}));
}

TEST_F(TopicRegistryTest, the_next_in_line_is_promoted_when_the_holder_ends) {
    add(1, "a", kTakeover);
    add(2, "b", kTakeover);
    add(3, "c", kTakeover);
    EXPECT_EQ(registry.remove("t", 3).promoted, 2U);
    EXPECT_EQ(registry.remove("t", 2).promoted, 1U);
    EXPECT_FALSE(registry.remove("t", 1).promoted);
    EXPECT_EQ(registry.topics(), 0U);
}

TEST_F(TopicRegistryTest, the_end_of_one_that_waits_promotes_nobody) {
    add(1, "a", kTakeover);
    add(2, "b", kTakeover);
    const auto removed = registry.remove("t", 1);
    EXPECT_TRUE(removed.found);
    EXPECT_FALSE(removed.promoted);
    EXPECT_EQ(line(), (Ids{2}));
}

TEST_F(TopicRegistryTest, removing_what_is_not_there_changes_nothing) {
    add(1, "a", kTakeover);
    EXPECT_FALSE(registry.remove("t", 2).found);
    EXPECT_FALSE(registry.remove("other", 1).found);
    EXPECT_EQ(line(), (Ids{1}));
}

TEST_F(TopicRegistryTest, the_holder_that_registers_again_replaces_itself_in_its_place) {
    add(1, "b", kTakeover);
    add(2, "a", kTakeover);
    for (const bool standby : {kTakeover, kStandby}) {
        const RegistrationId old = line().front();
        const auto again = add(old + 10, "a", standby);
        EXPECT_EQ(again.replaced, old);
        EXPECT_FALSE(again.displaced);
        EXPECT_EQ(again.position, 0U);
        EXPECT_EQ(line(), (Ids{old + 10, 1}));
        EXPECT_FALSE(registry.remove("t", old).found) << "its older registration is gone";
    }
}

TEST_F(TopicRegistryTest, a_waiting_standby_that_registers_again_keeps_its_place) {
    add(1, "a", kTakeover);
    add(2, "b", kStandby);
    add(3, "c", kStandby);
    const auto again = add(4, "b", kStandby);
    EXPECT_EQ(again.replaced, 2U);
    EXPECT_EQ(again.position, 1U);
    EXPECT_FALSE(again.displaced);
    EXPECT_EQ(line(), (Ids{1, 4, 3}));
}

TEST_F(TopicRegistryTest, a_waiting_one_that_takes_over_again_is_in_line_once) {
    add(1, "a", kTakeover);
    add(2, "b", kTakeover);
    const auto again = add(3, "a", kTakeover);
    EXPECT_EQ(again.replaced, 1U);
    EXPECT_EQ(again.displaced, 2U);
    EXPECT_EQ(line(), (Ids{3, 2}));
}

TEST_F(TopicRegistryTest, a_plain_out_is_never_taken_for_another) {
    add(1, "", kTakeover);
    const auto added = add(2, "", kTakeover);
    EXPECT_FALSE(added.replaced);
    EXPECT_EQ(added.displaced, 1U);
    EXPECT_EQ(line(), (Ids{2, 1}));
}

/// What made the originals fight for ever: each displaced the other on its return. Here a displaced
/// one is not disconnected, and returns as a standby if it must.
TEST_F(TopicRegistryTest, two_outs_that_register_again_in_turn_never_displace_each_other) {
    add(1, "a", kTakeover);
    EXPECT_EQ(add(2, "b", kTakeover).displaced, 1U);
    RegistrationId id = 2;
    for (int round = 0; round < 100; ++round) {
        const auto a = add(++id, "a", kStandby);
        EXPECT_EQ(a.position, 1U);
        EXPECT_FALSE(a.displaced);
        const auto b = add(++id, "b", kTakeover);
        EXPECT_EQ(b.position, 0U);
        EXPECT_FALSE(b.displaced);
        ASSERT_EQ(line(), (Ids{id, id - 1}));
    }
}

TEST_F(TopicRegistryTest, two_plain_outs_stay_in_line_as_long_as_both_are_connected) {
    add(1, "", kTakeover);
    add(2, "", kTakeover);
    EXPECT_EQ(registry.remove("t", 2).promoted, 1U);
    EXPECT_EQ(add(3, "", kTakeover).displaced, 1U);
    EXPECT_EQ(line(), (Ids{3, 1}));
}

TEST_F(TopicRegistryTest, a_full_line_refuses_newcomers_but_not_its_members) {
    for (RegistrationId id = 1; id <= kLineMax; ++id) {
        EXPECT_TRUE(add(id, std::to_string(id), kStandby).accepted);
    }
    const Ids full = line();
    EXPECT_FALSE(add(100, "new", kTakeover).accepted);
    EXPECT_FALSE(add(100, "new", kStandby).accepted);
    EXPECT_FALSE(add(100, "", kTakeover).accepted);
    EXPECT_EQ(line(), full);
    EXPECT_TRUE(add(101, "5", kTakeover).accepted);
    EXPECT_EQ(line().size(), kLineMax);
    EXPECT_EQ(registry.holder("t"), 101U);
    registry.remove("t", 101);
    EXPECT_TRUE(add(102, "new", kStandby).accepted);
}

TEST(TopicRegistry, has_at_most_so_many_topics) {
    TopicRegistry registry(2);
    EXPECT_TRUE(registry.add("a", 1, "", false).accepted);
    EXPECT_TRUE(registry.add("b", 2, "", false).accepted);
    EXPECT_FALSE(registry.add("c", 3, "", false).accepted);
    EXPECT_TRUE(registry.add("a", 4, "", false).accepted) << "a known topic is no new one";
    EXPECT_EQ(registry.topics(), 2U);
    registry.remove("b", 2);
    EXPECT_TRUE(registry.add("c", 5, "", false).accepted);
}

TEST(TopicRegistry, topics_are_compared_byte_by_byte) {
    TopicRegistry registry;
    registry.add("Topic", 1, "", false);
    registry.add("topic", 2, "", false);
    registry.add("topic ", 3, "", false);
    EXPECT_EQ(registry.topics(), 3U);
    EXPECT_EQ(registry.holder("topic"), 2U);
}

}  // namespace
}  // namespace inout::topic_registry_test
