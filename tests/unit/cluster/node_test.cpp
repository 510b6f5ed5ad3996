#include "common/cluster/node.hpp"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

namespace inout::cluster::node_test {
namespace {

using Outcome = Node::Outcome;
using Kind = Operation::Kind;

/// A node that is asked by hand.
class NodeTest : public testing::Test {
  protected:
    NodeTest() {
        node.start(effects);
        node.round_trip(kRoundTrip);
        node.up(now, effects);
        effects = {};
    }

    void find(StreamId stream, const std::string& topic = "t") {
        node.find(stream, topic, now + Milliseconds(5'000), now, effects);
    }
    void report(StreamId stream, Outcome outcome) { node.report(stream, outcome, now, effects); }
    /// All that is due until then.
    void pass(Clock::duration time) {
        const auto end = now + time;
        while (const auto next = node.next_tick()) {
            if (*next > end) break;
            now = std::max(now, *next);
            node.tick(now, effects);
        }
        now = end;
    }
    /// Where the answers to the newest question go.
    std::string reply() const {
        for (auto at = effects.operations.rbegin(); at != effects.operations.rend(); ++at) {
            if (!at->reply.empty()) return at->reply;
        }
        ADD_FAILURE() << "nothing was asked";
        return {};
    }
    void answer(Answer answer, const std::string& to = {}) {
        answer.address = "10.0.0.1:" + std::to_string(answer.proxy.size());
        node.heard(to.empty() ? reply() : to, encode(answer), now, effects);
    }
    void answer_exact(const std::string& proxy) { answer({.proxy = proxy, .match = Match::exact}); }
    /// Asks, is answered by these and knows them from then on.
    void learn(const std::vector<std::string>& proxies, const std::string& topic = "t") {
        find(900, topic);
        for (const auto& proxy : proxies) answer_exact(proxy);
        pass(kRoundTrip);
        report(900, Outcome::open);
        effects = {};
    }
    std::size_t questions() const {
        std::size_t count = 0;
        for (const auto& each : effects.operations) count += each.reply.empty() ? 0 : 1;
        return count;
    }
    /// Of a stream since it was asked last: proxies, and why there was none at the end.
    std::vector<std::string> way(StreamId stream) {
        std::vector<std::string> list;
        for (const auto& each : effects.resolutions) {
            if (each.stream != stream) continue;
            const auto* const route = std::get_if<Route>(&each.way);
            static const char* const kWords[] = {"no topic", "no directory", "tried"};
            list.push_back(route != nullptr
                               ? route->proxy
                               : kWords[static_cast<int>(std::get<NoRoute>(each.way))]);
        }
        std::erase_if(effects.resolutions, [&](const auto& each) { return each.stream == stream; });
        return list;
    }
    std::vector<std::string> subjects(Kind kind) const {
        std::vector<std::string> list;
        for (const auto& each : effects.operations) {
            if (each.kind == kind) list.push_back(each.subject);
        }
        return list;
    }
    using Words = std::vector<std::string>;

    static constexpr Milliseconds kRoundTrip{2};
    Clock::time_point now{std::chrono::hours(1)};
    Effects effects;
    Node node{{"c", "me", "box"}, [] { return 0.0; }};
};

TEST_F(NodeTest, hears_others_for_one_round_trip_behind_an_exact_answer) {
    find(1);
    EXPECT_EQ(effects.operations.at(0).subject, "inout.c.t.t");
    EXPECT_EQ(effects.operations.at(0).body, R"({"v":1,"proxy":"me"})");
    answer_exact("b");
    EXPECT_EQ(way(1), Words{});
    answer_exact("c");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{"b"});
    report(1, Outcome::open);
    find(2);
    EXPECT_EQ(way(2), Words{"c"}) << "b has one stream more";
    EXPECT_EQ(questions(), 1U) << "for both";
}

TEST_F(NodeTest, asks_once_for_a_crowd) {
    for (StreamId stream = 1; stream <= 1'000; ++stream) find(stream);
    EXPECT_EQ(questions(), 1U);
    answer_exact("b");
    answer_exact("c");
    pass(kRoundTrip);
    std::size_t to_b = 0;
    for (StreamId stream = 1; stream <= 1'000; ++stream) {
        to_b += way(stream) == Words{"b"};
        report(stream, Outcome::open);
    }
    EXPECT_EQ(to_b, 500U);
    EXPECT_EQ(node.streams(), 0U);
}

TEST_F(NodeTest, asks_nobody_while_the_routes_are_fresh) {
    learn({"b"});
    pass(kRoutesFresh - Milliseconds(10));
    find(1);
    EXPECT_EQ(way(1), Words{"b"});
    EXPECT_EQ(questions(), 0U);
    report(1, Outcome::open);
    pass(Milliseconds(10));
    find(2);
    EXPECT_EQ(questions(), 1U);
    answer_exact("b");
    EXPECT_EQ(way(2), Words{"b"}) << "all that are expected have answered";
}

TEST_F(NodeTest, believes_that_nobody_listens_to_an_unknown_topic_when_told_twice) {
    find(1);
    node.nobody_listens(reply(), now, effects);
    EXPECT_EQ(way(1), Words{});
    pass(kPauses[0]);
    EXPECT_EQ(questions(), 2U);
    node.nobody_listens(reply(), now, effects);
    EXPECT_EQ(way(1), Words{"no topic"});
    find(2);
    EXPECT_EQ(questions(), 3U) << "nothing is remembered of that";
}

TEST_F(NodeTest, asks_four_times_for_a_topic_that_was_known_lately) {
    learn({"b"});
    find(1);
    EXPECT_EQ(way(1), Words{"b"});
    report(1, Outcome::not_there);
    std::size_t count = 1;
    for (const auto pause : kPauses) {
        EXPECT_EQ(questions(), count++);
        node.nobody_listens(reply(), now, effects);
        pass(pause - Milliseconds(1));
        EXPECT_EQ(way(1), Words{});
        pass(Milliseconds(1));
    }
    EXPECT_EQ(questions(), 4U);
    node.nobody_listens(reply(), now, effects);
    EXPECT_EQ(way(1), Words{"tried"});
}

TEST_F(NodeTest, tries_what_was_known_last_where_nobody_answers) {
    learn({"b"});
    pass(kRoutesFresh);
    find(1);
    EXPECT_EQ(way(1), Words{});
    pass(kLookupMax);
    EXPECT_EQ(way(1), Words{"b"});
    report(1, Outcome::open);
    find(2);
    node.nobody_listens(reply(), now, effects);
    EXPECT_EQ(way(2), Words{"b"}) << "that may be wrong";
}

TEST_F(NodeTest, waits_for_the_silence_to_mean_something) {
    find(1);
    pass(kSilence - Milliseconds(1));
    EXPECT_EQ(questions(), 2U);
    EXPECT_EQ(way(1), Words{});
    pass(2 * kSilence);
    EXPECT_EQ(way(1), Words{"no topic"});
    EXPECT_FALSE(node.next_tick());
}

TEST_F(NodeTest, takes_an_answer_that_comes_late) {
    find(1);
    const auto first = reply();
    pass(kRoundTripsMax * kFirstRoundTrip + Milliseconds(1));
    EXPECT_EQ(node.running_lookups(), 0U);
    answer({.proxy = "far", .match = Match::exact}, first);
    EXPECT_EQ(way(1), Words{"far"});
}

TEST_F(NodeTest, goes_on_with_the_next_proxy_when_one_can_not_be_reached_or_has_it_no_more) {
    learn({"b", "c", "d"});
    find(1);
    report(1, Outcome::unreachable);
    report(1, Outcome::not_there);
    EXPECT_EQ(way(1), (Words{"c", "d", "b"}));
    EXPECT_EQ(questions(), 0U);
    report(1, Outcome::open);
    find(2);
    EXPECT_EQ(way(2), Words{"b"}) << "those are dropped";
}

TEST_F(NodeTest, comes_last_to_a_proxy_that_could_not_be_reached) {
    learn({"b", "c"});
    find(1);
    EXPECT_EQ(way(1), Words{"c"});
    report(1, Outcome::unreachable);
    for (StreamId stream = 10; stream < 20; ++stream) {
        learn({"c", "b"}, "other" + std::to_string(stream));
        find(stream, "other" + std::to_string(stream));
        EXPECT_EQ(way(stream), Words{"b"});
        report(stream, Outcome::open);
    }
}

TEST_F(NodeTest, tries_no_other_when_bytes_may_be_lost) {
    learn({"b", "c"});
    find(1);
    report(1, Outcome::lost);
    EXPECT_EQ(way(1).size(), 1U);
    EXPECT_EQ(node.streams(), 0U);
}

TEST_F(NodeTest, never_asks_a_proxy_again_that_refused_this_stream) {
    learn({"b"});
    find(1);
    report(1, Outcome::refused);
    EXPECT_EQ(questions(), 1U) << "there may be others";
    answer_exact("b");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), (Words{"b", "tried"}));
    find(2);
    EXPECT_EQ(way(2), Words{"b"}) << "it has the topic";
}

TEST_F(NodeTest, prefers_an_exact_registration_and_then_the_most_specific_pattern) {
    const auto by = [](const char* proxy, const char* pattern) {
        return Answer{.proxy = proxy, .match = Match::pattern, .pattern = pattern};
    };
    find(1, "db.a");
    answer(by("b", "#"));
    answer(by("c", "db.*"));
    answer(by("d", "db.#"));
    pass(kBetterMax);
    EXPECT_EQ(way(1), Words{"c"});
    find(2, "db.b");
    answer(by("c", "db.*"));
    answer_exact("e");
    pass(kRoundTrip);
    EXPECT_EQ(way(2), Words{"e"});
}

TEST_F(NodeTest, asks_again_for_what_a_pattern_has_when_there_may_be_better) {
    find(1, "db.a");
    answer({.proxy = "b", .match = Match::pattern, .pattern = "db.*"});
    pass(kBetterMax);
    EXPECT_EQ(subjects(Kind::subscribe), Words{"inout.c.new.db.*"});
    report(1, Outcome::open);
    find(2, "db.a");
    EXPECT_EQ(way(2), Words{"b"});
    EXPECT_EQ(questions(), 1U);
    node.heard("inout.c.new.db.a", encode(News{"c"}), now, effects);
    find(3, "db.a");
    EXPECT_EQ(questions(), 2U);
    answer_exact("c");
    pass(kRoundTrip);
    EXPECT_EQ(way(3), Words{"c"});
    EXPECT_EQ(subjects(Kind::unsubscribe), Words{"inout.c.new.db.*"});
    // Of a pattern, and of what could not be heard.
    learn({"b"});
    node.heard("inout.c.pattern", encode(News{"c", "t.#"}), now, effects);
    node.down(now, effects);
    node.up(now, effects);
    find(4);
    EXPECT_EQ(way(4), Words{"b"}) << "what is exact is as good as can be";
}

TEST_F(NodeTest, without_NATS_tries_what_it_knows_however_old) {
    learn({"b"});
    find(1, "unknown");
    node.down(now, effects);
    EXPECT_EQ(way(1), Words{"no directory"});
    pass(std::chrono::hours(1));
    effects = {};
    find(2);
    EXPECT_EQ(way(2), Words{"b"});
    report(2, Outcome::open);
    find(3, "unknown");
    EXPECT_EQ(way(3), Words{"no directory"});
    EXPECT_TRUE(effects.operations.empty());
}

TEST_F(NodeTest, forgets_a_stream_that_nobody_wants) {
    find(1);
    report(1, Outcome::left);
    answer_exact("b");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{});
    EXPECT_EQ(node.streams(), 0U);
    report(1, Outcome::open);
}

TEST_F(NodeTest, ends_a_stream_at_its_deadline) {
    node.find(1, "t", now + Milliseconds(3), now, effects);
    pass(Milliseconds(3));
    EXPECT_EQ(way(1), Words{"no topic"});
}

TEST_F(NodeTest, listens_to_what_is_registered_here_from_the_first_to_the_last) {
    node.registered({"a.b"}, effects);
    node.registered({"a.b"}, effects);
    node.registered({"a.#", true}, effects);
    EXPECT_EQ(subjects(Kind::subscribe), (Words{"inout.c.t.a.b", "inout.c.t.a", "inout.c.t.a.>"}));
    EXPECT_EQ(subjects(Kind::publish), (Words{"inout.c.new.a.b", "inout.c.pattern"}));
    effects = {};
    node.unregistered({"a.b"}, now, effects);
    EXPECT_TRUE(effects.operations.empty());
    node.unregistered({"a.b"}, now, effects);
    node.unregistered({"a.#", true}, now, effects);
    EXPECT_EQ(subjects(Kind::unsubscribe),
              (Words{"inout.c.t.a.b", "inout.c.t.a", "inout.c.t.a.>"}));
}

TEST_F(NodeTest, tells_of_what_began_without_NATS_when_it_is_back) {
    node.down(now, effects);
    node.registered({"a"}, effects);
    node.registered({"b"}, effects);
    node.unregistered({"b"}, now, effects);
    EXPECT_EQ(subjects(Kind::publish), Words{});
    node.up(now, effects);
    EXPECT_EQ(subjects(Kind::publish), Words{"inout.c.new.a"});
}

TEST_F(NodeTest, answers_a_question_once_over_whichever_subscription_it_comes) {
    const std::string question = encode(Question{"you"});
    EXPECT_EQ(node.asked("inout.c.t.a.b", "reply.1", question), "a.b");
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "reply.1", question));
    EXPECT_EQ(node.asked("inout.c.t.a.b", "reply.2", question), "a.b");
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "", question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", std::string(kSubjectMaxBytes + 1, 'r'), question));
    EXPECT_FALSE(node.asked("inout.c.t.a..b", "reply.3", question));
    EXPECT_FALSE(node.asked("inout.c.new.a", "reply.4", question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "reply.5", "{}"));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "reply.6", encode(Question{"me"})));
    node.answer("reply.1", {.proxy = "", .match = Match::none}, effects);
    EXPECT_EQ(effects.operations.at(0).body, R"({"v":1,"proxy":"me","match":"none"})");
}

TEST_F(NodeTest, ignores_what_makes_no_sense) {
    find(1);
    node.heard(reply(), "garbage", now, effects);
    node.heard("inout.c.a.box.99", encode(Answer{.proxy = "b"}), now, effects);
    node.heard("inout.c.a.other.1", encode(Answer{.proxy = "b"}), now, effects);
    node.nobody_listens("inout.c.a.box.99", now, effects);
    node.nobody_listens("elsewhere", now, effects);
    node.heard("inout.c.new.", "x", now, effects);
    answer_exact("me");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{});
    EXPECT_EQ(node.running_lookups(), 1U);
}

TEST_F(NodeTest, keeps_a_topic_to_itself_that_has_too_long_a_name_for_NATS) {
    const std::string longest(kSubjectMaxBytes, 'a');
    node.registered({longest}, effects);
    find(1, longest);
    pass(Milliseconds(1'000));
    EXPECT_EQ(way(1), Words{"no topic"});
    EXPECT_TRUE(effects.operations.empty());
}

}  // namespace
}  // namespace inout::cluster::node_test
