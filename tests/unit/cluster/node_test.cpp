#include "node_by_hand.hpp"

namespace inout::cluster::node_test {
namespace {

using NodePresence = NodeByHand;

TEST_F(NodePresence, listens_to_what_is_registered_here_from_the_first_to_the_last) {
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

TEST_F(NodePresence, listens_on_where_two_registrations_share_a_subject) {
    node.registered({"a"}, effects);
    node.registered({"a.#", true}, effects);
    node.registered({"a.#.b", true}, effects);
    EXPECT_EQ(subjects(Kind::subscribe), (Words{"inout.c.t.a", "inout.c.t.a.>"}));
    node.unregistered({"a.#", true}, now, effects);
    EXPECT_EQ(subjects(Kind::unsubscribe), Words{});
    node.unregistered({"a"}, now, effects);
    node.unregistered({"a.#.b", true}, now, effects);
    EXPECT_EQ(subjects(Kind::unsubscribe), (Words{"inout.c.t.a", "inout.c.t.a.>"}));
}

TEST_F(NodePresence, tells_of_what_began_without_NATS_when_it_is_back) {
    node.down(now, effects);
    node.registered({"a"}, effects);
    node.registered({"b"}, effects);
    node.unregistered({"b"}, now, effects);
    EXPECT_EQ(subjects(Kind::publish), Words{});
    node.up(now, effects);
    EXPECT_EQ(subjects(Kind::publish), Words{"inout.c.new.a"});
}

TEST_F(NodePresence, answers_a_question_once_over_whichever_subscription_it_comes) {
    const std::string question = encode(Question{"you"});
    EXPECT_EQ(node.asked("inout.c.t.a.b", "inout.c.a.you.1", question), "a.b");
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "inout.c.a.you.1", question));
    EXPECT_EQ(node.asked("inout.c.t.a.b", "inout.c.a.you.2", question), "a.b");
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "", question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", std::string(kSubjectMaxBytes + 1, 'r'), question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "inout.c.t.a.b", question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "inout.c.a.you", question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "inout.c.a.>.1", question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "$SYS.REQ.SERVER.PING", question));
    EXPECT_FALSE(node.asked("inout.c.t.a..b", "inout.c.a.you.3", question));
    EXPECT_FALSE(node.asked("inout.c.new.a", "inout.c.a.you.4", question));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "inout.c.a.you.5", "{}"));
    EXPECT_FALSE(node.asked("inout.c.t.a.b", "inout.c.a.you.6", encode(Question{"me"})));
    node.answer("inout.c.a.you.1", {.proxy = "", .match = Match::none}, effects);
    EXPECT_EQ(effects.operations.at(0).body, R"({"v":1,"proxy":"me","match":"none"})");
}

TEST_F(NodePresence, ignores_what_makes_no_sense) {
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

TEST_F(NodePresence, keeps_a_topic_to_itself_that_has_too_long_a_name_for_NATS) {
    const std::string longest(kSubjectMaxBytes, 'a');
    node.registered({longest}, effects);
    find(1, longest);
    pass(Milliseconds(1'000));
    EXPECT_EQ(way(1), Words{"no topic"});
    EXPECT_TRUE(effects.operations.empty());
}

}  // namespace
}  // namespace inout::cluster::node_test
