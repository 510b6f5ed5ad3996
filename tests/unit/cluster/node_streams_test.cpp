#include "node_by_hand.hpp"

namespace inout::cluster::node_streams_test {
namespace {

using NodeStreams = NodeByHand;

TEST_F(NodeStreams, hears_others_for_one_round_trip_behind_an_exact_answer) {
    find(1);
    find(2);
    EXPECT_EQ(effects.operations.at(0).subject, "inout.c.t.t");
    EXPECT_EQ(effects.operations.at(0).body, R"({"v":1,"proxy":"me"})");
    answer_exact("b");
    EXPECT_EQ(way(1), Words{"b"}) << "nothing is better";
    EXPECT_EQ(way(2), Words{}) << "but another one may have fewer streams";
    answer_exact("c");
    pass(kRoundTrip);
    EXPECT_EQ(way(2), Words{"c"}) << "b has one stream more";
    report(1, Outcome::open);
    report(2, Outcome::open);
    find(3);
    find(4);
    EXPECT_EQ(way(3), Words{"b"});
    EXPECT_EQ(way(4), Words{"c"});
    EXPECT_EQ(questions(), 1U) << "for all";
}

TEST_F(NodeStreams, hears_others_when_the_first_one_has_refused_it) {
    find(1);
    answer_exact("b");
    EXPECT_EQ(way(1), Words{"b"});
    report(1, Outcome::refused);
    EXPECT_EQ(way(1), Words{}) << "the look-up goes on";
    answer_exact("c");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{"c"});
    report(1, Outcome::refused);
    answer_exact("d");
    EXPECT_EQ(way(1), Words{"d"}) << "late, and yet in time";
    report(1, Outcome::refused);
    pass(kRoundTripsMax * kRoundTrip);
    EXPECT_EQ(way(1), Words{"tried"});
    EXPECT_EQ(questions(), 1U);
    EXPECT_EQ(node.streams(), 0U);
}

TEST_F(NodeStreams, goes_at_once_to_none_that_takes_no_streams_or_could_not_be_reached) {
    learn({"b"});
    find(1);
    EXPECT_EQ(way(1), Words{"b"});
    report(1, Outcome::unreachable);
    pass(kPauses[0]);
    find(2, "u");
    answer_exact("b");
    answer({.proxy = "c", .match = Match::exact, .ready = false});
    answer({.proxy = "d", .match = Match::pattern, .pattern = "#"});
    EXPECT_EQ(way(2), Words{});
    answer_exact("e");
    EXPECT_EQ(way(2), Words{"e"});
}

TEST_F(NodeStreams, asks_once_for_a_crowd) {
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

TEST_F(NodeStreams, asks_nobody_while_the_routes_are_fresh) {
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

TEST_F(NodeStreams, believes_that_nobody_listens_to_an_unknown_topic_when_told_twice) {
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

TEST_F(NodeStreams, asks_four_times_for_a_topic_that_was_known_lately) {
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

TEST_F(NodeStreams, tries_what_was_known_last_where_nobody_answers) {
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

TEST_F(NodeStreams, waits_for_the_silence_to_mean_something) {
    find(1);
    pass(kSilence - Milliseconds(1));
    EXPECT_EQ(questions(), 2U);
    EXPECT_EQ(way(1), Words{});
    pass(2 * kSilence);
    EXPECT_EQ(way(1), Words{"no topic"});
    EXPECT_FALSE(node.next_tick());
}

TEST_F(NodeStreams, takes_an_answer_that_comes_late) {
    find(1);
    const auto first = reply();
    pass(kRoundTripsMax * kFirstRoundTrip + Milliseconds(1));
    EXPECT_EQ(node.running_lookups(), 0U);
    answer({.proxy = "far", .match = Match::exact}, first);
    EXPECT_EQ(way(1), Words{"far"});
}

TEST_F(NodeStreams, goes_on_with_the_next_proxy_when_one_can_not_be_reached_or_has_it_no_more) {
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

TEST_F(NodeStreams, comes_last_to_a_proxy_that_could_not_be_reached) {
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

TEST_F(NodeStreams, goes_on_listening_when_the_one_who_has_it_takes_no_streams) {
    find(1);
    answer({.proxy = "b", .match = Match::exact, .ready = false});
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{});
    answer_exact("c");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{"c"});
}

TEST_F(NodeStreams, tries_a_proxy_again_only_if_it_says_that_it_takes_streams_now) {
    for (const bool ready : {false, true}) {
        const StreamId stream = ready ? 1 : 2;
        const std::string topic = ready ? "r" : "u";
        learn({"b"}, topic);
        find(stream, topic);
        report(stream, Outcome::not_there);
        answer({.proxy = "b", .match = Match::exact, .ready = ready});
        pass(kLookupMax);
        EXPECT_EQ(way(stream), ready ? (Words{"b", "b"}) : Words{"b"});
        report(stream, Outcome::left);
    }
}

TEST_F(NodeStreams, believes_an_answer_more_than_that_nobody_listens) {
    find(1);
    answer_exact("b");
    node.nobody_listens(reply(), now, effects);
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{"b"});
}

TEST_F(NodeStreams, waits_as_long_as_answers_take) {
    // One has taken 20 ms lately: a look-up waits twenty times that.
    find(1);
    pass(Milliseconds(20));
    answer_exact("b");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{"b"});
    report(1, Outcome::open);
    find(2, "other");
    pass(Milliseconds(390));
    EXPECT_EQ(node.running_lookups(), 1U);
    EXPECT_EQ(questions(), 2U);
}

TEST_F(NodeStreams, listen_on_behind_the_answer_of_one_that_could_not_be_reached) {
    learn({"b"});
    find(1);
    report(1, Outcome::unreachable);
    answer_exact("b");
    pass(kRoundTrip);
    answer_exact("far");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), (Words{"b", "far"}));
    report(1, Outcome::unreachable);
    answer_exact("b");
    pass(kLookupMax);
    EXPECT_EQ(way(1), Words{}) << "a stream tries it once";
    report(1, Outcome::left);
    find(2);
    answer_exact("b");
    pass(kLookupMax);
    EXPECT_EQ(way(2), Words{"b"}) << "there is no other";
}

TEST_F(NodeStreams, tries_no_other_when_bytes_may_be_lost) {
    learn({"b", "c"});
    find(1);
    report(1, Outcome::lost);
    EXPECT_EQ(way(1).size(), 1U);
    EXPECT_EQ(node.streams(), 0U);
}

TEST_F(NodeStreams, never_asks_a_proxy_again_that_refused_this_stream) {
    learn({"b"});
    find(1);
    report(1, Outcome::refused);
    EXPECT_EQ(questions(), 1U) << "there may be others";
    answer_exact("b");
    pass(kRoundTripsMax * kRoundTrip);
    EXPECT_EQ(way(1), (Words{"b", "tried"}));
    find(2);
    EXPECT_EQ(way(2), Words{"b"}) << "it has the topic";
}

TEST_F(NodeStreams, prefers_an_exact_registration_and_then_the_most_specific_pattern) {
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

TEST_F(NodeStreams, asks_again_for_what_a_pattern_has_when_there_may_be_better) {
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

TEST_F(NodeStreams, without_NATS_tries_what_it_knows_however_old) {
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

TEST_F(NodeStreams, without_NATS_does_not_wait_to_ask_again) {
    find(1);
    node.nobody_listens(reply(), now, effects);
    node.down(now, effects);
    EXPECT_EQ(way(1), Words{"no directory"});
}

TEST_F(NodeStreams, forgets_a_stream_that_nobody_wants) {
    find(1);
    report(1, Outcome::left);
    answer_exact("b");
    pass(kRoundTrip);
    EXPECT_EQ(way(1), Words{});
    EXPECT_EQ(node.streams(), 0U);
    report(1, Outcome::open);
}

TEST_F(NodeStreams, ends_a_stream_at_its_deadline) {
    learn({"b"});
    pass(kRoutesFresh);
    node.find(1, "t", now + Milliseconds(3), now, effects);
    pass(Milliseconds(2));
    EXPECT_EQ(way(1), Words{});
    pass(Milliseconds(1));
    EXPECT_EQ(way(1), Words{"no topic"});
    EXPECT_EQ(questions(), 1U);
}

}  // namespace
}  // namespace inout::cluster::node_streams_test
