#include "out/data_links.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "../loopback.hpp"
#include "common/base/limits.hpp"

namespace inout::out::data_links_test {
namespace {

using namespace std::chrono_literals;
using Group = DataLinks::Group;
using Link = std::shared_ptr<DataLinks::Link>;

constexpr Clock::time_point kStart{1h};

class DataLinksTest : public testing::Test {
  protected:
    Link add(const std::shared_ptr<Group>& group, bool client_waits = false,
             Clock::time_point now = kStart) {
        return links.add(group, context.get_executor(), client_waits, now);
    }
    Link add_parked(const std::shared_ptr<Group>& group, Clock::time_point now = kStart) {
        auto link = add(group, false, now);
        if (link) links.park(link, Use::once, now);
        return link;
    }
    std::shared_ptr<Group> topic() { return std::make_shared<Group>(); }

    Budget budget{20, 0};
    DataLinks links{budget};  // ten of them may be idle
    asio::io_context context;
};

TEST_F(DataLinksTest, what_goes_beyond_half_of_the_budget_is_dropped) {
    const auto one = topic();
    std::vector<Link> held;
    for (int i = 0; i < 10; ++i) {
        held.push_back(add_parked(one));
        ASSERT_TRUE(held.back());
    }
    for (int i = 0; i < 1'000; ++i) ASSERT_FALSE(add(one, true));
    EXPECT_EQ(budget.used(0), 10U);
}

TEST_F(DataLinksTest, a_registration_has_at_most_a_pool_of_them) {
    Budget large{1'000, 0};
    DataLinks many{large};
    const auto one = topic();
    std::vector<Link> held;
    while (auto link = many.add(one, context.get_executor(), true, kStart)) held.push_back(link);
    EXPECT_EQ(held.size(), kDataLinksMax);
}

TEST_F(DataLinksTest, a_topic_without_any_gets_one_of_those_that_have_more) {
    const auto rich = topic(), poor = topic();
    std::vector<Link> held;
    for (int i = 0; i < 10; ++i) held.push_back(add_parked(rich));
    const auto link = add(poor);
    EXPECT_TRUE(link);
    EXPECT_EQ(rich->count, 9U);
    EXPECT_FALSE(held[0]->is_listed) << "the oldest gave way";
    EXPECT_FALSE(add(poor)) << "it has one now";
}

TEST_F(DataLinksTest, topics_with_one_each_give_way_to_a_client_at_once_and_otherwise_in_turn) {
    std::vector<std::shared_ptr<Group>> topics;
    std::vector<Link> held;
    for (int i = 0; i < 10; ++i) held.push_back(add_parked(topics.emplace_back(topic())));
    const auto poor = topic(), poorer = topic();
    EXPECT_FALSE(add(poor, false, kStart + kParkedTurn - 1ms));
    held.push_back(add(poor, true));
    EXPECT_TRUE(held.back());
    EXPECT_FALSE(held[0]->is_listed);
    held.push_back(add(poorer, false, kStart + kParkedTurn));
    EXPECT_TRUE(held.back());
    EXPECT_FALSE(held[1]->is_listed);
    EXPECT_EQ(budget.used(0), 10U);
}

TEST_F(DataLinksTest, clients_of_one_topic_get_the_room_that_other_topics_keep) {
    const auto busy = topic();
    std::vector<Link> held;
    for (int i = 0; i < 10; ++i) held.push_back(add_parked(topic()));
    for (std::size_t i = 0; i < 10; ++i) {
        held.push_back(add(busy, true));
        ASSERT_TRUE(held.back()) << i;
        EXPECT_FALSE(held[i]->is_listed);
    }
    EXPECT_FALSE(add(busy, true)) << "its own do not give way to it";
    EXPECT_TRUE(links.may_have_more(*busy)) << "what lacks is room";
    EXPECT_EQ(busy->count, 10U);
    EXPECT_EQ(budget.used(0), 10U);
}

TEST_F(DataLinksTest, one_that_dials_once_more_does_not_give_way) {
    std::vector<Link> held;
    for (int i = 0; i < 10; ++i) {
        held.push_back(add_parked(topic()));
        ASSERT_TRUE(links.begin(held.back()));
    }
    EXPECT_FALSE(add(topic(), true));
    links.park(held[3], Use::once, kStart);
    EXPECT_TRUE(add(topic(), true));
    EXPECT_FALSE(links.begin(held[3])) << "it had to give way: no further dial";
}

TEST_F(DataLinksTest, one_that_still_dials_does_not_give_way) {
    std::vector<Link> held;
    for (int i = 0; i < 10; ++i) held.push_back(add(topic()));
    EXPECT_FALSE(add(topic(), true));
}

TEST_F(DataLinksTest, parked_ones_give_way_to_streams_until_none_is_left) {
    const auto one = topic();
    std::vector<Link> streams, parked;
    for (int i = 0; i < 8; ++i) {
        auto link = add_parked(one);
        ASSERT_TRUE(link);
        links.remove(link);
        ASSERT_TRUE(links.add_backend(*link));
        streams.push_back(std::move(link));
    }
    for (int i = 0; i < 4; ++i) parked.push_back(add_parked(one));
    EXPECT_EQ(budget.used(0), 20U);
    EXPECT_FALSE(add(one)) << "no descriptor is left";
    // 16 are streams, 4 are parked: one of these becomes a stream, another gives way to it.
    for (const std::size_t becomes : {std::size_t{0}, std::size_t{2}}) {
        auto link = parked[becomes];
        links.remove(link);
        ASSERT_TRUE(links.add_backend(*link));
        EXPECT_FALSE(parked[becomes + 1]->is_listed);
    }
    EXPECT_EQ(one->count, 0U);
    EXPECT_EQ(budget.used(0), 20U);
    auto late = parked[1];  // its stream came just when it had to give way
    EXPECT_FALSE(links.add_backend(*late));
    streams.clear();
    EXPECT_TRUE(links.add_backend(*late));
    EXPECT_EQ(late->places.count(), kStreamDescriptors);
}

TEST_F(DataLinksTest, one_whose_stream_has_ended_is_here_again_with_one_descriptor) {
    const auto one = topic();
    const auto link = add_parked(one);
    for (int use = 0; use < 3; ++use) {
        links.remove(link);
        ASSERT_TRUE(links.add_backend(*link));
        EXPECT_EQ(budget.used(0), kStreamDescriptors);
        EXPECT_EQ(one->count, 0U);
        ASSERT_TRUE(links.put_back(link));
        EXPECT_EQ(budget.used(0), 1U);
        EXPECT_EQ(one->count, 1U);
        ASSERT_TRUE(links.begin(link));
        links.park(link, Use::once, kStart);
    }
}

TEST_F(DataLinksTest, one_that_was_put_back_does_not_give_way_before_it_is_parked) {
    std::vector<Link> held;
    for (int i = 0; i < 9; ++i) held.push_back(add(topic()));
    const auto link = add_parked(topic());
    links.remove(link);
    ASSERT_TRUE(links.put_back(link));
    EXPECT_FALSE(add(topic(), true));
    ASSERT_TRUE(links.begin(link));
    links.park(link, Use::on_request, kStart);
    EXPECT_TRUE(add(topic(), true));
    EXPECT_FALSE(link->is_listed);
}

TEST_F(DataLinksTest, one_is_not_put_back_without_room_or_when_its_registration_is_over) {
    const auto one = topic(), other = topic();
    const auto late = add_parked(one);
    links.remove(late);
    ASSERT_TRUE(links.add_backend(*late));
    std::vector<Link> held;
    for (int i = 0; i < 10; ++i) held.push_back(add(other));
    EXPECT_FALSE(links.put_back(late));
    EXPECT_EQ(late->places.count(), kStreamDescriptors);
    EXPECT_EQ(one->count, 0U);
    links.remove(held.back());
    links.close(*one);
    EXPECT_FALSE(links.put_back(late));
    EXPECT_FALSE(late->is_listed);
}

TEST_F(DataLinksTest, one_that_was_put_back_and_has_to_go_ends_with_fin_and_a_fresh_one_with_rst) {
    for (const bool used : {false, true}) {
        for (const bool gives_way : {false, true}) {
            const auto one = topic();
            TcpPair pair;
            ConnectionPtr proxy = adopt_owned(context, std::move(pair.a));
            const auto link = add_parked(one);
            if (used) {
                links.remove(link);
                ASSERT_TRUE(links.put_back(link));
            }
            const ConnectionPtr lent = lend(proxy);
            ASSERT_TRUE(links.begin(link, lent));
            links.park(link, used ? Use::on_request : Use::once, kStart);
            std::vector<Link> held;
            if (gives_way) {
                while (auto more = add(topic(), true)) held.push_back(std::move(more));
            } else {
                links.close(*one);
            }
            context.restart();
            context.run();
            EXPECT_FALSE(proxy->is_open());
            EXPECT_EQ(end_of(pair.b.get()), used ? End::fin : End::rst);
            links.remove(link);
            for (const auto& other : held) links.remove(other);
        }
    }
    EXPECT_EQ(budget.used(0), 0U);
}

TEST_F(DataLinksTest, nothing_joins_a_registration_that_is_over) {
    const auto one = topic(), other = topic();
    const auto link = add(one);
    links.close(*one);
    EXPECT_FALSE(add(one, true));
    EXPECT_FALSE(links.may_have_more(*one));
    EXPECT_FALSE(links.begin(link)) << "nor does one that dials go on";
    EXPECT_TRUE(add(other));
    links.remove(link);
    links.remove(link);  // a second time does nothing
    EXPECT_EQ(one->count, 0U);
}

}  // namespace
}  // namespace inout::out::data_links_test
