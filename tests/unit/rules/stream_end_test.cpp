// The rows of "The end of a stream" in docs/architecture.md, without a socket.
#include "common/rules/stream_end.hpp"

#include <gtest/gtest.h>

namespace inout::stream_end_test {
namespace {

using namespace std::chrono_literals;
using Next = EndRules::Next;
using Cause = StreamEnd::Cause;

constexpr Clock::time_point kStart{1h};

std::string words_of(const EndRules& rules) { return to_string(rules.end(), "client", "proxy"); }

TEST(EndRules, a_fin_of_one_side_leaves_the_other_direction_as_it_is) {
    EndRules rules;
    rules.input_ended(StreamLeg::client);
    EXPECT_TRUE(rules.has_input_ended(StreamLeg::client));
    EXPECT_FALSE(rules.is_input_over(StreamLeg::service));
    EXPECT_EQ(rules.next(kStart + 24h), Next::go_on) << "for as long as it likes";
}

TEST(EndRules, after_both_ends_it_waits_for_as_long_as_anything_is_not_acknowledged) {
    EndRules rules;
    rules.input_ended(StreamLeg::service);
    rules.input_ended(StreamLeg::client);
    EXPECT_EQ(rules.next(kStart + 24h), Next::wait_for_arrival);
    EXPECT_TRUE(rules.must_arrive(StreamLeg::client));
    EXPECT_TRUE(rules.must_arrive(StreamLeg::service));
    EXPECT_TRUE(rules.ends_cleanly());
    EXPECT_EQ(words_of(rules), "done");
}

TEST(EndRules, what_came_from_a_reset_leg_is_still_passed_on_for_five_seconds_at_most) {
    EndRules rules;
    EXPECT_TRUE(rules.lost(StreamLeg::client, {Cause::reset, StreamLeg::client}, kStart));
    rules.input_is_over(StreamLeg::service);  // what was for it is dropped
    EXPECT_EQ(rules.next(kStart + kResetFlush - 1ms), Next::go_on);
    EXPECT_EQ(rules.next(kStart + kResetFlush), Next::close);
    rules.input_is_over(StreamLeg::client);
    EXPECT_EQ(rules.next(kStart + kResetFlush - 1ms), Next::wait_for_arrival);
    EXPECT_FALSE(rules.must_arrive(StreamLeg::client)) << "nobody is there";
    EXPECT_TRUE(rules.must_arrive(StreamLeg::service));
    EXPECT_FALSE(rules.ends_cleanly());
    EXPECT_EQ(words_of(rules), "reset by client");
}

TEST(EndRules, a_second_loss_does_not_make_the_first_ones_time_longer) {
    EndRules rules;
    EXPECT_TRUE(rules.lost(StreamLeg::client, {Cause::reset, StreamLeg::client}, kStart));
    EXPECT_TRUE(rules.lost(StreamLeg::service, {Cause::timeout, StreamLeg::service}, kStart + 3s));
    EXPECT_EQ(rules.next(kStart + kResetFlush), Next::close);
    EXPECT_EQ(words_of(rules), "reset by client") << "the first counts";
}

TEST(EndRules, a_leg_is_lost_once) {
    EndRules rules;
    EXPECT_TRUE(rules.lost(StreamLeg::service, {Cause::peer_timeout, StreamLeg::service}, kStart));
    EXPECT_FALSE(rules.lost(StreamLeg::service, {Cause::reset, StreamLeg::service}, kStart + 4s));
    EXPECT_EQ(rules.next(kStart + kResetFlush), Next::close) << "counted from the first time";
    EXPECT_EQ(words_of(rules), "peer timeout of proxy");
}

TEST(EndRules, a_reset_behind_two_clean_ends_is_no_clean_end) {
    EndRules rules;
    rules.input_ended(StreamLeg::client);
    rules.input_ended(StreamLeg::service);
    rules.lost(StreamLeg::client, {Cause::reset, StreamLeg::client}, kStart);
    EXPECT_EQ(rules.next(kStart), Next::wait_for_arrival);
    EXPECT_FALSE(rules.ends_cleanly());
    EXPECT_FALSE(rules.must_arrive(StreamLeg::client));
}

TEST(EndRules, an_end_that_was_passed_on_stays_one_when_its_leg_is_lost_later) {
    EndRules rules;
    rules.input_ended(StreamLeg::client);
    rules.lost(StreamLeg::client, {Cause::reset, StreamLeg::client}, kStart);
    rules.input_is_over(StreamLeg::client);
    EXPECT_TRUE(rules.has_input_ended(StreamLeg::client));
}

TEST(EndRules, one_that_is_told_to_end_waits_for_nothing_and_for_nobody) {
    EndRules rules;
    rules.end_now({Cause::drain, {}, "drain timeout"});
    EXPECT_EQ(rules.next(kStart), Next::close);
    EXPECT_FALSE(rules.must_arrive(StreamLeg::client));
    EXPECT_FALSE(rules.must_arrive(StreamLeg::service));
    EXPECT_FALSE(rules.ends_cleanly());
    EXPECT_EQ(words_of(rules), "drain timeout");
}

TEST(EndRules, nothing_counts_after_it_was_closed) {
    EndRules rules;
    rules.input_ended(StreamLeg::client);
    rules.input_ended(StreamLeg::service);
    rules.closed();
    EXPECT_FALSE(rules.lost(StreamLeg::client, {Cause::reset, StreamLeg::client}, kStart));
    rules.end_now({Cause::drain, {}, "second signal"});
    EXPECT_EQ(words_of(rules), "done");
    EXPECT_TRUE(rules.ends_cleanly());
}

TEST(EndRules, both_connections_are_whole_after_two_clean_ends) {
    EndRules rules;
    for (const StreamLeg leg : {StreamLeg::client, StreamLeg::service}) {
        EXPECT_FALSE(rules.is_whole(leg, false)) << "not both have ended";
        rules.input_ended(leg);
    }
    rules.closed();
    EXPECT_TRUE(rules.is_whole(StreamLeg::client, false));
    EXPECT_TRUE(rules.is_whole(StreamLeg::service, false));
}

TEST(EndRules, a_loss_leaves_the_other_connection_whole_and_its_own_if_it_was_in_order) {
    for (const StreamLeg leg : {StreamLeg::client, StreamLeg::service}) {
        EndRules rules;
        rules.input_is_over(leg);
        rules.lost(leg, {Cause::reset, leg}, kStart);
        rules.closed();
        EXPECT_FALSE(rules.is_whole(leg, false));
        EXPECT_TRUE(rules.is_whole(leg, true));
        EXPECT_TRUE(rules.is_whole(other(leg), false));
    }
}

TEST(EndRules, no_connection_is_whole_if_the_stream_was_told_to_end) {
    EndRules rules;
    rules.input_ended(StreamLeg::client);
    rules.input_ended(StreamLeg::service);
    rules.end_now({Cause::drain, {}, "drain timeout"});
    rules.closed();
    EXPECT_FALSE(rules.is_whole(StreamLeg::client, true));
    EXPECT_FALSE(rules.is_whole(StreamLeg::service, true));
}

TEST(StreamEnd, has_words_for_each_cause) {
    const auto words = [](StreamEnd end) { return to_string(end, "in", "backend"); };
    EXPECT_EQ(words({}), "done");
    EXPECT_EQ(words({Cause::reset, StreamLeg::service}), "reset by backend");
    EXPECT_EQ(words({Cause::timeout, StreamLeg::client}), "timeout of in");
    EXPECT_EQ(words({Cause::peer_timeout, StreamLeg::client}), "peer timeout of in");
    EXPECT_EQ(words({Cause::stall_timeout, StreamLeg::service}), "stall timeout of backend");
    EXPECT_EQ(words({Cause::idle_timeout}), "idle timeout");
    EXPECT_EQ(words({Cause::tls, StreamLeg::client, "cut"}), "TLS with in: cut");
    EXPECT_EQ(words({Cause::framing, StreamLeg::client, "cut"}), "frames of in: cut");
    EXPECT_EQ(words({Cause::compression, StreamLeg::client, "cut"}), "compression of in: cut");
    EXPECT_EQ(words({Cause::drain, {}, "second signal"}), "second signal");
}

}  // namespace
}  // namespace inout::stream_end_test
