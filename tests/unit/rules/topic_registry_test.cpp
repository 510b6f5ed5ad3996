#include "common/rules/topic_registry.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/scale_limits.hpp"

namespace inout::topic_registry_test {
namespace {

using Ids = std::vector<RegistrationId>;
using Kind = TopicRegistry::Change::Kind;
constexpr bool kTakeover = false, kStandby = true;

Ids ids_of(TopicRegistry::Members line) {
    Ids ids;
    for (const auto& member : line) ids.push_back(member.id);
    return ids;
}
Ids those(TopicRegistry::Changes changes, Kind kind) {
    Ids ids;
    for (const auto& change : changes) {
        if (change.kind == kind) ids.push_back(change.id);
    }
    return ids;
}

/// Registrations for one topic; instance "" is a 0.0.1 out.
class TopicRegistryTest : public testing::Test {
  protected:
    struct Added {
        bool accepted;
        std::size_t position;
        std::optional<RegistrationId> replaced;
        Ids displaced, opened, closed;
    };
    Added add(RegistrationId id, const std::string& instance, bool standby, bool shared = false) {
        const auto added = registry.add(
            {"t"}, {.id = id, .instance = instance, .standby = standby, .shared = shared});
        EXPECT_TRUE(those(added.changes, Kind::promoted).empty());
        return {added.accepted,
                added.position,
                added.replaced,
                those(added.changes, Kind::displaced),
                those(added.changes, Kind::opened),
                those(added.changes, Kind::closed)};
    }
    Added share(RegistrationId id, bool standby = kTakeover) {
        return add(id, "s" + std::to_string(id), standby, true);
    }
    Ids promoted_by_end_of(RegistrationId id) {
        const auto removed = registry.remove({"t"}, id);
        EXPECT_TRUE(removed.found);
        return those(removed.changes, Kind::promoted);
    }
    Ids line() const { return ids_of(registry.line({"t"})); }
    std::vector<std::size_t> places() const {
        std::vector<std::size_t> sizes;
        for (auto rest = registry.line({"t"}); !rest.empty(); rest = rest.subspan(sizes.back())) {
            sizes.push_back(TopicRegistry::first_place(rest).size());
        }
        return sizes;
    }
    Ids serving() const {
        Ids ids;
        for (const auto& member : registry.line({"t"})) {
            if (member.serves) ids.push_back(member.id);
        }
        return ids;
    }
    std::optional<RegistrationId> holder() const {
        return line().empty() ? std::nullopt : std::optional(line().front());
    }

    TopicRegistry registry;
};

TEST_F(TopicRegistryTest, nobody_holds_a_topic_at_first) {
    EXPECT_FALSE(holder());
    EXPECT_TRUE(line().empty());
    EXPECT_EQ(registry.topics(), 0U);
}

TEST_F(TopicRegistryTest, the_first_out_holds_the_topic_also_as_a_standby) {
    for (const bool standby : {kTakeover, kStandby}) {
        const auto added = add(1, "a", standby);
        EXPECT_TRUE(added.accepted);
        EXPECT_EQ(added.position, 0U);
        EXPECT_EQ(added.displaced, Ids{});
        EXPECT_FALSE(added.replaced);
        EXPECT_EQ(holder(), 1U);
        EXPECT_EQ(promoted_by_end_of(1), Ids{});
    }
}

TEST_F(TopicRegistryTest, a_takeover_goes_to_the_head_and_the_displaced_one_stays_next_in_line) {
    add(1, "a", kTakeover);
    const auto added = add(2, "b", kTakeover);
    EXPECT_EQ(added.position, 0U);
    EXPECT_EQ(added.displaced, Ids{1U});
    EXPECT_FALSE(added.replaced);
    EXPECT_EQ(line(), (Ids{2, 1}));
}

TEST_F(TopicRegistryTest, a_standby_joins_the_end_and_displaces_nobody) {
    add(1, "a", kTakeover);
    add(2, "b", kStandby);
    const auto added = add(3, "c", kStandby);
    EXPECT_EQ(added.position, 2U);
    EXPECT_EQ(added.displaced, Ids{});
    EXPECT_EQ(line(), (Ids{1, 2, 3}));
}

TEST_F(TopicRegistryTest, the_next_in_line_is_promoted_when_the_holder_ends) {
    add(1, "a", kTakeover);
    add(2, "b", kTakeover);
    add(3, "c", kTakeover);
    EXPECT_EQ(promoted_by_end_of(3), Ids{2U});
    EXPECT_EQ(promoted_by_end_of(2), Ids{1U});
    EXPECT_EQ(promoted_by_end_of(1), Ids{});
    EXPECT_EQ(registry.topics(), 0U);
}

TEST_F(TopicRegistryTest, the_end_of_one_that_waits_promotes_nobody) {
    add(1, "a", kTakeover);
    add(2, "b", kTakeover);
    EXPECT_EQ(promoted_by_end_of(1), Ids{});
    EXPECT_EQ(line(), (Ids{2}));
}

TEST_F(TopicRegistryTest, removing_what_is_not_there_changes_nothing) {
    add(1, "a", kTakeover);
    EXPECT_FALSE(registry.remove({"t"}, 2).found);
    EXPECT_FALSE(registry.remove({"other"}, 1).found);
    EXPECT_EQ(line(), (Ids{1}));
}

TEST_F(TopicRegistryTest, the_holder_that_registers_again_replaces_itself_in_its_place) {
    add(1, "b", kTakeover);
    add(2, "a", kTakeover);
    for (const bool standby : {kTakeover, kStandby}) {
        const RegistrationId old = line().front();
        const auto again = add(old + 10, "a", standby);
        EXPECT_EQ(again.replaced, old);
        EXPECT_EQ(again.displaced, Ids{});
        EXPECT_EQ(again.position, 0U);
        EXPECT_EQ(line(), (Ids{old + 10, 1}));
        EXPECT_FALSE(registry.remove({"t"}, old).found) << "its older registration is gone";
    }
}

TEST_F(TopicRegistryTest, a_waiting_standby_that_registers_again_keeps_its_place) {
    add(1, "a", kTakeover);
    add(2, "b", kStandby);
    add(3, "c", kStandby);
    const auto again = add(4, "b", kStandby);
    EXPECT_EQ(again.replaced, 2U);
    EXPECT_EQ(again.position, 1U);
    EXPECT_EQ(again.displaced, Ids{});
    EXPECT_EQ(line(), (Ids{1, 4, 3}));
}

TEST_F(TopicRegistryTest, a_waiting_one_that_takes_over_again_is_in_line_once) {
    add(1, "a", kTakeover);
    add(2, "b", kTakeover);
    const auto again = add(3, "a", kTakeover);
    EXPECT_EQ(again.replaced, 1U);
    EXPECT_EQ(again.displaced, Ids{2U});
    EXPECT_EQ(line(), (Ids{3, 2}));
}

TEST_F(TopicRegistryTest, a_plain_out_is_never_taken_for_another) {
    add(1, "", kTakeover);
    const auto added = add(2, "", kTakeover);
    EXPECT_FALSE(added.replaced);
    EXPECT_EQ(added.displaced, Ids{1U});
    EXPECT_EQ(line(), (Ids{2, 1}));
}

/// What made the originals fight for ever: each displaced the other on its return. Here a displaced
/// one is not disconnected, and returns as a standby if it must.
TEST_F(TopicRegistryTest, two_outs_that_register_again_in_turn_never_displace_each_other) {
    add(1, "a", kTakeover);
    EXPECT_EQ(add(2, "b", kTakeover).displaced, Ids{1U});
    RegistrationId id = 2;
    for (int round = 0; round < 100; ++round) {
        const auto a = add(++id, "a", kStandby);
        EXPECT_EQ(a.position, 1U);
        EXPECT_EQ(a.displaced, Ids{});
        const auto b = add(++id, "b", kTakeover);
        EXPECT_EQ(b.position, 0U);
        EXPECT_EQ(b.displaced, Ids{});
        ASSERT_EQ(line(), (Ids{id, id - 1}));
    }
}

TEST_F(TopicRegistryTest, two_plain_outs_stay_in_line_as_long_as_both_are_connected) {
    add(1, "", kTakeover);
    add(2, "", kTakeover);
    EXPECT_EQ(promoted_by_end_of(2), Ids{1U});
    EXPECT_EQ(add(3, "", kTakeover).displaced, Ids{1U});
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
    EXPECT_EQ(holder(), 101U);
    registry.remove({"t"}, 101);
    EXPECT_TRUE(add(102, "new", kStandby).accepted);
}

TEST_F(TopicRegistryTest, those_that_share_stand_together_at_the_head) {
    EXPECT_EQ(share(1).opened, Ids{1});
    const auto added = share(2);
    EXPECT_EQ(added.position, 0U);
    EXPECT_EQ(added.displaced, Ids{});
    EXPECT_EQ(added.opened, Ids{2});
    EXPECT_EQ(share(3, kStandby).position, 0U);
    EXPECT_EQ(places(), (std::vector<std::size_t>{3}));
    EXPECT_EQ(serving(), (Ids{2, 1, 3}));
}

TEST_F(TopicRegistryTest,
       an_exclusive_takeover_displaces_a_group_as_a_whole_and_its_end_brings_it_back) {
    share(1);
    share(2);
    const auto added = add(3, "x", kTakeover);
    EXPECT_EQ(added.displaced, (Ids{2, 1}));
    EXPECT_EQ(added.closed, (Ids{2, 1}));
    EXPECT_EQ(added.opened, Ids{3});
    EXPECT_EQ(share(4, kStandby).position, 1U);
    EXPECT_EQ(promoted_by_end_of(3), (Ids{2, 1, 4}));
    EXPECT_EQ(serving(), (Ids{2, 1, 4}));
}

TEST_F(TopicRegistryTest, a_shared_takeover_of_an_exclusive_one_is_a_new_group_at_the_head) {
    share(1);
    add(2, "x", kTakeover);
    EXPECT_EQ(share(3).displaced, Ids{2});
    EXPECT_EQ(places(), (std::vector<std::size_t>{1, 1, 1}));
    // Two groups that become neighbours are one.
    EXPECT_EQ(registry.remove({"t"}, 2).changes.size(), 2U) << "1 is promoted, and serves";
    EXPECT_EQ(places(), (std::vector<std::size_t>{2}));
}

TEST_F(TopicRegistryTest, a_shared_standby_joins_the_last_place_only_if_that_is_a_group) {
    add(1, "x", kTakeover);
    EXPECT_EQ(share(2, kStandby).position, 1U);
    EXPECT_EQ(share(3, kStandby).position, 1U);
    EXPECT_EQ(add(4, "y", kStandby).position, 2U);
    EXPECT_EQ(share(5, kStandby).position, 3U);
}

TEST_F(TopicRegistryTest, one_that_is_not_ready_keeps_its_place_and_lends_its_streams) {
    add(1, "x", kTakeover);
    add(2, "y", kStandby);
    add(3, "z", kStandby);
    auto changes = registry.set_ready({"t"}, 1, false);
    EXPECT_EQ(those(changes, Kind::closed), Ids{1});
    EXPECT_EQ(those(changes, Kind::opened), Ids{2});
    EXPECT_EQ(those(changes, Kind::promoted), Ids{}) << "it is lent to, and holds nothing";
    EXPECT_EQ(line(), (Ids{1, 2, 3}));
    registry.set_ready({"t"}, 2, false);
    EXPECT_EQ(serving(), Ids{3});
    registry.set_ready({"t"}, 3, false);
    EXPECT_EQ(serving(), Ids{});
    changes = registry.set_ready({"t"}, 1, true);
    EXPECT_EQ(those(changes, Kind::opened), Ids{1});
    EXPECT_EQ(serving(), Ids{1});
}

TEST_F(TopicRegistryTest, in_a_group_the_others_serve_while_one_is_not_ready) {
    share(1);
    share(2);
    add(3, "x", kStandby);
    registry.set_ready({"t"}, 2, false);
    EXPECT_EQ(serving(), Ids{1});
    registry.set_ready({"t"}, 1, false);
    EXPECT_EQ(serving(), Ids{3});
}

TEST_F(TopicRegistryTest, one_that_begins_or_ends_to_share_keeps_its_place_as_far_as_it_can) {
    share(1);
    share(2);
    share(3);
    add(4, "s2", kStandby);
    EXPECT_EQ(line(), (Ids{3, 1, 4})) << "behind the group that it has left";
    EXPECT_EQ(places(), (std::vector<std::size_t>{2, 1}));
    add(5, "s2", kStandby, true);
    EXPECT_EQ(places(), (std::vector<std::size_t>{3}));
    EXPECT_EQ(line(), (Ids{3, 1, 5}));
}

TEST_F(TopicRegistryTest, has_so_many_places_and_so_many_that_share) {
    for (RegistrationId id = 1; id <= kRegistrationsMax; ++id) {
        ASSERT_TRUE(share(id, id % 2 == 0).accepted);
    }
    EXPECT_FALSE(share(5'000).accepted);
    EXPECT_FALSE(add(5'000, "x", kTakeover).accepted);
    EXPECT_TRUE(add(5'001, "s7", kStandby, true).accepted) << "it is in line already";
    EXPECT_EQ(places(), (std::vector<std::size_t>{kRegistrationsMax}));
}

TEST_F(TopicRegistryTest, who_leaves_its_group_needs_a_place_of_its_own) {
    share(1);
    share(2);
    for (RegistrationId id = 3; id < 2 + kLineMax; ++id) {
        ASSERT_TRUE(add(id, std::to_string(id), kStandby).accepted);
    }
    const Ids before = line();
    EXPECT_FALSE(add(100, "s2", kStandby).accepted);
    EXPECT_FALSE(add(100, "s1", kTakeover).accepted);
    EXPECT_EQ(line(), before);
    EXPECT_TRUE(share(101).accepted);
}

TEST(TopicRegistry, an_exact_topic_comes_before_patterns_and_has_another_line) {
    TopicRegistry registry;
    registry.add({"db.*", true}, {.id = 1});
    registry.add({"db.*", false}, {.id = 2});
    registry.add({"db.a", false}, {.id = 3});
    EXPECT_EQ(registry.topics(), 3U);
    EXPECT_EQ(ids_of(registry.line_for("db.a")), Ids{3});
    EXPECT_EQ(ids_of(registry.line_for("db.b")), Ids{1});
    EXPECT_EQ(ids_of(registry.line_for("db.*")), Ids{2});
    registry.remove({"db.a", false}, 3);
    EXPECT_EQ(ids_of(registry.line_for("db.a")), Ids{1});
    registry.remove({"db.*", true}, 1);
    EXPECT_EQ(ids_of(registry.line_for("db.a")), Ids{});
    EXPECT_EQ(registry.topics(), 1U);
}

TEST(TopicRegistry, has_at_most_so_many_topics) {
    TopicRegistry registry(2);
    EXPECT_TRUE(registry.add({"a"}, {.id = 1}).accepted);
    EXPECT_TRUE(registry.add({"b"}, {.id = 2}).accepted);
    EXPECT_FALSE(registry.add({"c"}, {.id = 3}).accepted);
    EXPECT_TRUE(registry.add({"a"}, {.id = 4}).accepted) << "a known topic is no new one";
    EXPECT_EQ(registry.topics(), 2U);
    registry.remove({"b"}, 2);
    EXPECT_TRUE(registry.add({"c"}, {.id = 5}).accepted);
}

TEST(TopicRegistry, topics_are_compared_byte_by_byte) {
    TopicRegistry registry;
    registry.add({"Topic"}, {.id = 1});
    registry.add({"topic"}, {.id = 2});
    registry.add({"topic "}, {.id = 3});
    EXPECT_EQ(registry.topics(), 3U);
    EXPECT_EQ(ids_of(registry.line({"topic"})), Ids{2});
}

}  // namespace
}  // namespace inout::topic_registry_test
