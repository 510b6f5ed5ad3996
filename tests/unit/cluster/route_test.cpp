// Sets of routes, their cache, and the choice among them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "common/cluster/peers.hpp"
#include "common/cluster/presence.hpp"
#include "common/cluster/route_cache.hpp"
#include "common/cluster/route_set.hpp"
#include "common/rules/topic_pattern.hpp"

namespace inout::cluster::route_test {
namespace {

constexpr Clock::time_point kNow{std::chrono::hours(1)};

Answer exact(const std::string& proxy) {
    return {.proxy = proxy, .address = "a:1", .match = Match::exact};
}
Answer by(const std::string& pattern, const std::string& proxy) {
    return {.proxy = proxy, .address = "a:1", .match = Match::pattern, .pattern = pattern};
}
RouteSet set_of(const std::vector<Answer>& answers) {
    RouteSet set;
    for (const auto& each : answers) set.add(each);
    return set;
}
TEST(RouteSet, holds_those_of_the_best_fit_whatever_comes_first) {
    std::vector<Answer> answers = {exact("a"), exact("b"), by("#", "c"), by("x.*", "d"), {"e"}};
    do {
        const auto set = set_of(answers);
        ASSERT_EQ(set.routes().size(), 2U);
        ASSERT_TRUE(set.is_exact());
    } while (std::ranges::next_permutation(answers, {}, &Answer::proxy).found);
    const auto patterns = set_of({by("#", "c"), by("x.*", "d"), by("#", "f"), by("x.*", "g")});
    EXPECT_EQ(patterns.pattern(), "x.*");
    EXPECT_EQ(patterns.routes().size(), 2U);
}

TEST(RouteSet, has_each_proxy_once_and_not_more_than_it_may) {
    auto set = set_of({exact("a"), exact("a")});
    EXPECT_EQ(set.routes().size(), 1U);
    for (std::size_t i = 0; i < 2 * kRoutesMax; ++i) set.add(exact("p" + std::to_string(i)));
    EXPECT_EQ(set.routes().size(), kRoutesMax);
    set.drop("a");
    EXPECT_TRUE(set.add(by("#", "late")) == false && set.is_exact());
}

TEST(RouteCache, forgets_the_topic_that_was_not_asked_for_longest) {
    RouteCache cache(3);
    for (const auto* topic : {"a", "b", "c"}) cache.put(topic, set_of({exact("p")}), kNow);
    EXPECT_FALSE(cache.fresh_routes("a", kNow).empty());
    cache.put("d", set_of({exact("p")}), kNow);
    EXPECT_EQ(cache.topics(), 3U);
    EXPECT_TRUE(cache.routes("b").empty());
    EXPECT_FALSE(cache.routes("a").empty());
    EXPECT_FALSE(cache.knows("b", kNow));
}

TEST(RouteCache, says_by_which_patterns_it_has_routes) {
    using Changes = std::vector<RouteCache::PatternChange>;
    RouteCache cache(2);
    cache.put("a", set_of({by("#", "p")}), kNow);
    EXPECT_EQ(cache.take_pattern_changes(), (Changes{{"#", true}}));
    cache.put("b", set_of({by("#", "p")}), kNow);
    cache.put("a", set_of({exact("p")}), kNow);
    EXPECT_EQ(cache.take_pattern_changes(), Changes{});
    EXPECT_FALSE(cache.routes("a").empty());
    cache.put("c", set_of({by("*", "p")}), kNow);
    EXPECT_EQ(cache.take_pattern_changes(), (Changes{{"#", false}, {"*", true}})) << "b had to go";
}

TEST(RouteCache, knows_what_was_there_within_a_minute) {
    RouteCache cache;
    cache.is_there("a", kNow);
    EXPECT_TRUE(cache.knows("a", kNow + kKnownMemory - Milliseconds(1)));
    EXPECT_FALSE(cache.knows("a", kNow + kKnownMemory));
    EXPECT_TRUE(cache.routes("a").empty());
    cache.put("b", set_of({exact("p")}), kNow);
    EXPECT_EQ(cache.expected("b", kNow), std::vector<std::string>{"p"});
    EXPECT_TRUE(cache.expected("b", kNow + kKnownMemory).empty());
    cache.put("c", set_of({by("#", "p")}), kNow);
    cache.outdate("c");
    EXPECT_TRUE(cache.expected("c", kNow).empty());
    EXPECT_EQ(cache.routes("c").size(), 1U) << "it is still there";
}

TEST(RouteCache, does_not_call_fresh_what_takes_no_streams) {
    RouteCache cache;
    auto answer = exact("p");
    answer.ready = false;
    cache.put("a", set_of({answer}), kNow);
    EXPECT_TRUE(cache.fresh_routes("a", kNow).empty());
    EXPECT_EQ(cache.routes("a").size(), 1U);
}

std::vector<Route*> pointers_to(std::vector<Route>& routes) {
    std::vector<Route*> pointers(routes.size());
    std::ranges::transform(routes, pointers.begin(), [](Route& route) { return &route; });
    return pointers;
}

TEST(Peers, share_streams_by_weight) {
    Peers peers;
    std::vector<Route> routes = {
        {"a", "", true, 1}, {"b", "", true, 2}, {"c", "", true, 5}, {"d", "", false, 9}};
    const auto list = pointers_to(routes);
    for (int i = 0; i < 8'000; ++i) ++peers.choose(list, 0, kNow)->running;
    EXPECT_EQ(routes[0].running, 1'000U);
    EXPECT_EQ(routes[1].running, 2'000U);
    EXPECT_EQ(routes[2].running, 5'000U);
    EXPECT_EQ(routes[3].running, 0U) << "takes none now";
}

TEST(Peers, do_not_all_begin_with_the_same) {
    std::map<std::string, int> first;
    for (int i = 0; i < 300; ++i) {
        Peers peers;
        std::vector<Route> routes = {{"a", ""}, {"b", ""}, {"c", ""}};
        const auto list = pointers_to(routes);
        ++first[peers.choose(list, i / 300.0, kNow)->proxy];
    }
    for (const auto* proxy : {"a", "b", "c"}) EXPECT_EQ(first[proxy], 100) << proxy;
}

TEST(Peers, are_bounded) {
    Peers peers;
    for (std::size_t i = 0; i < 3 * kPeersMax; ++i) {
        peers.could_not_be_reached("p" + std::to_string(i), kNow + Milliseconds(i));
    }
    EXPECT_LE(peers.size(), kPeersMax);
    EXPECT_GE(peers.size(), kPeersMax / 2);
}

TEST(Presence, remembers_few_of_the_questions_that_it_answered) {
    Presence presence;
    for (std::size_t i = 0; i < 10 * kAnsweredMax; ++i) {
        EXPECT_TRUE(presence.is_first(std::to_string(i)));
        EXPECT_FALSE(presence.is_first(std::to_string(i)));
    }
    EXPECT_TRUE(presence.is_first("0"));
}

}  // namespace
}  // namespace inout::cluster::route_test
