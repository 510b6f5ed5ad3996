// What a reload of the proxy ends, and what it leaves alone.
#include <gtest/gtest.h>

#include "proxy_sessions.hpp"

namespace inout::proxy::revoke_test {
namespace {

class RevokeTest : public ProxySessions {
  protected:
    RevokeTest() {
        config.auth.emplace();
        config.auth->anonymous = {.in = {pattern(kTopic)}, .out = {pattern(kTopic)}};
    }
    static TopicPattern pattern(const std::string& text) { return *TopicPattern::parse(text); }
    /// A spare connection.
    Peer spare() {
        Peer peer = come(InWarmRequest{.magic = "4", .version = "0.0.1"});
        EXPECT_TRUE(peer.hear<Response>());
        EXPECT_TRUE(becomes([] { return counters().warm == 1; }));
        return peer;
    }
    static bool carries(const Stream& stream) {
        stream.in.say_bytes("ping");
        return stream.data.hear_bytes(4) == "ping";
    }
};

TEST_F(RevokeTest, a_configuration_that_permits_the_same_ends_nothing) {
    const Out out = register_holder();
    const Stream stream = open(out);
    const Peer waiting = spare();
    config.limits.topics = 5;
    take_config();
    run_ready(worker.context());
    EXPECT_TRUE(carries(stream));
    EXPECT_EQ(counters().warm, 1U);
    EXPECT_EQ(counters().controls, 1U);
}

TEST_F(RevokeTest, without_its_permission_a_registration_ends_and_its_stream_lives_on) {
    const Out out = register_holder();
    const Stream stream = open(out);
    config.auth->anonymous.out.clear();
    take_config();
    EXPECT_TRUE(becomes([] { return counters().controls == 0; }));
    EXPECT_TRUE(carries(stream));
    EXPECT_EQ(refusal(come(opening())), Code::no_topic);
    EXPECT_EQ(refusal(come(registration_of_topic())), Code::denied);
}

TEST_F(RevokeTest, without_its_permission_a_spare_connection_ends_and_opens_nothing) {
    const Out out = register_holder();
    const Peer waiting = spare();
    config.auth->anonymous.in.clear();
    take_config();
    EXPECT_TRUE(becomes([] { return counters().warm == 0; }));
    EXPECT_EQ(counters().controls, 1U) << "nobody took that from it";
    EXPECT_EQ(refusal(come(opening())), Code::denied);
}

TEST_F(RevokeTest, streams_end_with_the_permission_of_who_asked_if_that_is_wanted) {
    config.auth->revoke = Revoke::streams;
    const Out out = register_holder();
    const Stream stream = open(out);
    config.auth->anonymous.in.clear();
    take_config();
    EXPECT_TRUE(becomes([this] { return worker.relays().size() == 0; }));
    EXPECT_EQ(stream.in.end(), End::rst);
    EXPECT_EQ(stream.data.end(), End::rst);
}

TEST_F(RevokeTest, and_with_that_of_who_serves) {
    config.auth->revoke = Revoke::streams;
    const Out out = register_holder();
    const Stream stream = open(out);
    config.auth->anonymous.out.clear();
    take_config();
    EXPECT_TRUE(becomes([this] { return worker.relays().size() == 0; }));
}

TEST_F(RevokeTest, a_stream_that_was_permitted_when_it_was_asked_for_is_judged_when_it_is_open) {
    config.auth->revoke = Revoke::streams;
    const Out out = register_holder();
    const Peer data = park(out);
    const Peer in = come(opening());
    const auto active = data.hear<DataActiveRequest>();
    ASSERT_TRUE(active);
    config.auth->anonymous.in.clear();
    take_config();
    data.say(answer_of_out(*active));
    EXPECT_TRUE(becomes([this] { return counters().tasks == tasks + 1; })) << "out's session";
    EXPECT_TRUE(becomes([this] { return worker.relays().size() == 0; }));
}

TEST_F(RevokeTest, limits_are_for_those_who_come) {
    const Out out = register_holder();
    const Stream first = open(out), second = open(out);
    config.limits.streams_per_topic = 1;
    take_config();
    EXPECT_TRUE(carries(first) && carries(second));
    EXPECT_EQ(refusal(come(opening())), Code::limit);
    config.limits.streams_per_topic = 0;
    take_config();
    EXPECT_TRUE(carries(open(out)));
}

}  // namespace
}  // namespace inout::proxy::revoke_test
