// The ends of a stream on a connection that goes on.
#include <gtest/gtest.h>

#include "common/net/stream_framing.hpp"
#include "framed_end.hpp"

namespace inout::stream_framing_end_test {
namespace {

using StreamFramingEndTest = FramedEnd;

TEST_F(StreamFramingEndTest, the_end_waits_for_room_and_is_said_once) {
    below.room = 5;
    EXPECT_EQ(requester.shut_send(), -1);
    EXPECT_EQ(errno, EAGAIN);
    below.room = MemoryEnd::kNoLimit;
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(below.sent(), frames::fin(0));
    EXPECT_EQ(below.shuts, 0);
}

TEST_F(StreamFramingEndTest, a_requester_reads_on_for_free) {
    EXPECT_EQ(requester.shut_send(), 0);
    for (const bool with_reset : {false, true}) {
        SCOPED_TRACE(with_reset);
        const std::string end = with_reset ? "reset" : "end";
        below.arrived = with_reset ? frames::reset() : frames::fin(0);
        EXPECT_EQ(read_once(requester), end);
        EXPECT_TRUE(requester.has_peer_ended());
        EXPECT_EQ(requester.was_reset_by_peer(), with_reset);
        EXPECT_TRUE(requester.awaits_release());
        EXPECT_EQ(requester.look_for_release(), -1);
        EXPECT_EQ(errno, EAGAIN);
        below.arrived = frames::free().substr(0, 1);
        EXPECT_EQ(requester.look_for_release(), -1);
        EXPECT_EQ(read_once(requester), end) << "each time";
        below.arrived = frames::free().substr(1);
        EXPECT_EQ(requester.look_for_release(), 0);
        EXPECT_TRUE(requester.is_released());
        EXPECT_EQ(read_once(requester), end);
        EXPECT_EQ(requester.settle(), Settled::done);
        begin(requester);
        EXPECT_EQ(requester.shut_send(), 0);
    }
    below.arrived = frames::fin(0) + frames::free();
    EXPECT_EQ(read_once(requester), "end");
    EXPECT_TRUE(requester.is_released());
}

TEST_F(StreamFramingEndTest, what_comes_behind_free_is_of_no_stream_and_ends_the_connection) {
    EXPECT_EQ(requester.shut_send(), 0);
    below.arrived = frames::data("x") + frames::fin(1) + frames::free() + "a message";
    EXPECT_EQ(read_once(requester), "x");
    EXPECT_EQ(read_once(requester), "end");
    EXPECT_TRUE(requester.is_released());
    EXPECT_FALSE(requester.is_broken());
    EXPECT_EQ(requester.settle(), Settled::ended);
}

TEST_F(StreamFramingEndTest, an_end_of_the_connection_behind_that_of_the_stream_is_a_release) {
    below.arrived = frames::fin(0);
    below.has_ended = true;
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(read_once(requester), "end");
    EXPECT_TRUE(requester.awaits_release());
    EXPECT_EQ(requester.look_for_release(), 0);
    EXPECT_TRUE(requester.is_released());
    EXPECT_EQ(requester.settle(), Settled::ended);
    EXPECT_EQ(below.shuts, 1);
}

TEST_F(StreamFramingEndTest, an_end_of_the_connection_before_that_of_the_stream_is_a_cut) {
    below.arrived = frames::data("half");
    below.has_ended = true;
    EXPECT_EQ(read_once(requester), "half");
    EXPECT_EQ(read_once(requester), "reset");
    EXPECT_EQ(read_once(requester), "reset");
    EXPECT_FALSE(requester.is_released());
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(requester.settle(), Settled::failed);
}

TEST_F(StreamFramingEndTest, free_while_our_direction_has_not_ended_breaks_the_rules) {
    below.arrived = frames::fin(0) + frames::free();
    EXPECT_EQ(read_once(requester), "broken");
    EXPECT_EQ(requester.failure(), "free before both ends");

    StreamFraming blocked(below, Role::requester);
    begin(blocked);
    below.room = 3;
    EXPECT_EQ(blocked.shut_send(), -1);
    below.arrived = frames::fin(0);
    EXPECT_EQ(read_once(blocked), "end");
    below.arrived = frames::free();
    EXPECT_EQ(blocked.look_for_release(), -1);
    EXPECT_EQ(read_once(blocked), "broken");
}

TEST_F(StreamFramingEndTest, an_early_next_request_breaks_the_rules) {
    below.arrived = frames::fin(0) + "next";
    EXPECT_EQ(read_once(responder), "broken");
    EXPECT_EQ(responder.failure(), "bytes behind the end");
}

TEST_F(StreamFramingEndTest, a_next_request_that_is_there_before_free_breaks_the_rules) {
    EXPECT_EQ(responder.shut_send(), 0);
    below.arrived = frames::fin(0);
    EXPECT_EQ(read_once(responder), "end");
    below.arrived = "next";
    EXPECT_EQ(responder.settle(), Settled::failed);
    EXPECT_TRUE(responder.is_broken());
    EXPECT_EQ(below.sent(), frames::fin(0));
}

TEST_F(StreamFramingEndTest, a_requester_that_has_ended_the_connection_gets_no_free) {
    EXPECT_EQ(responder.shut_send(), 0);
    below.arrived = frames::fin(0);
    below.has_ended = true;
    EXPECT_EQ(responder.settle(), Settled::ended);
    EXPECT_EQ(below.sent(), frames::fin(0));
    EXPECT_EQ(below.shuts, 1);
}

TEST_F(StreamFramingEndTest, a_held_end_leaves_together_with_free) {
    responder.hold_end(true);
    EXPECT_EQ(responder.write("answer"), 6);
    EXPECT_EQ(responder.shut_send(), 0);
    EXPECT_TRUE(responder.has_ended());
    EXPECT_EQ(below.writes, std::vector{frames::data("answer")});
    below.arrived = frames::fin(0);
    EXPECT_EQ(read_once(responder), "end");
    EXPECT_EQ(responder.settle(), Settled::done);
    EXPECT_EQ(below.writes, (std::vector{frames::data("answer"), frames::fin(6) + frames::free()}));
}

TEST_F(StreamFramingEndTest, a_held_end_leaves_alone_when_the_peer_has_not_ended) {
    responder.hold_end(true);
    EXPECT_EQ(responder.shut_send(), 0);
    EXPECT_EQ(responder.settle(), Settled::waits_for_input);
    EXPECT_EQ(below.sent(), frames::fin(0));
    below.arrived = frames::reset();
    EXPECT_EQ(responder.settle(), Settled::done);
    EXPECT_EQ(below.sent(), frames::fin(0) + frames::free());
}

TEST_F(StreamFramingEndTest, a_held_end_leaves_when_it_is_not_held_any_more) {
    responder.hold_end(true);
    EXPECT_EQ(responder.shut_send(), 0);
    EXPECT_EQ(below.sent(), "");
    responder.hold_end(false);
    EXPECT_EQ(responder.shut_send(), 0);
    EXPECT_EQ(below.sent(), frames::fin(0));
}

TEST_F(StreamFramingEndTest, free_waits_for_room_and_is_said_once) {
    EXPECT_EQ(responder.shut_send(), 0);
    below.arrived = frames::fin(0);
    for (const std::size_t room : {0U, 1U, 2U}) {
        below.room = room;
        EXPECT_EQ(responder.settle(), Settled::waits_for_room);
    }
    below.room = 1;
    EXPECT_EQ(responder.settle(), Settled::done);
    EXPECT_EQ(below.sent(), frames::fin(0) + frames::free());
}

TEST_F(StreamFramingEndTest, a_responder_may_end_the_connection_instead) {
    EXPECT_EQ(responder.shut_send(), 0);
    responder.end_instead_of_free();
    EXPECT_EQ(responder.settle(), Settled::waits_for_input);
    below.arrived = frames::fin(0);
    EXPECT_EQ(responder.settle(), Settled::ended);
    EXPECT_EQ(below.sent(), frames::fin(0));
    EXPECT_EQ(below.shuts, 1);
}

TEST_F(StreamFramingEndTest, what_still_comes_is_forgotten_up_to_a_limit) {
    requester.reset_stream();
    std::size_t sent = 0;
    for (int i = 0; i < 4; ++i) {
        below.arrived = frames::data(std::string(16'384, 'x'));
        sent += 16'384;
        EXPECT_EQ(requester.settle(), Settled::waits_for_input);
    }
    EXPECT_EQ(sent, kFarewellMaxBytes);
    below.arrived = frames::data("x");
    EXPECT_EQ(requester.settle(), Settled::failed);
}

TEST_F(StreamFramingEndTest, nothing_is_settled_before_our_own_end) {
    below.arrived = frames::fin(0);
    EXPECT_EQ(responder.settle(), Settled::failed);
    StreamFraming idle(below, Role::responder);
    EXPECT_EQ(idle.settle(), Settled::failed);
}

TEST_F(StreamFramingEndTest, between_streams_everything_passes_as_it_is) {
    EXPECT_EQ(responder.write("x"), 1);
    EXPECT_EQ(responder.shut_send(), 0);
    below.arrived = frames::fin(0);
    EXPECT_EQ(responder.settle(), Settled::done);
    EXPECT_FALSE(responder.is_in_stream());
    EXPECT_EQ(responder.uses(), 1U);
    EXPECT_EQ(responder.record_overhead(), 0U);
    below.writes.clear();
    below.arrived = "request" + frames::data("content");
    EXPECT_EQ(read_once(responder, 7), "request");
    EXPECT_EQ(responder.write("response"), 8);
    EXPECT_EQ(below.sent(), "response");
    begin(responder);
    EXPECT_EQ(responder.uses(), 2U);
    EXPECT_EQ(responder.record_overhead(), kStreamHeaderBytes);
    EXPECT_EQ(read_once(responder), "content");
    EXPECT_EQ(responder.shut_send(), 0);
    EXPECT_EQ(below.sent(), "response" + frames::fin(0));
}

TEST_F(StreamFramingEndTest, who_has_ended_ends_the_connection_when_the_peer_becomes_raw) {
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(below.shuts, 0);
    below.arrived = frames::data("a") + frames::raw() + "b";
    EXPECT_EQ(read_once(requester), "ab");
    EXPECT_EQ(below.shuts, 1);
    EXPECT_TRUE(requester.can_splice());
    below.arrived = frames::fin(0);
    EXPECT_EQ(read_once(requester), frames::fin(0));
    below.has_ended = true;
    EXPECT_EQ(read_once(requester), "end");
    EXPECT_TRUE(requester.is_released());

    below.has_ended = false;
    below.arrived = frames::raw();
    EXPECT_EQ(read_once(responder), "nothing");
    responder.hold_end(true);
    below.writes.clear();
    EXPECT_EQ(responder.shut_send(), 0);  // there is no `free` to wait for
    EXPECT_EQ(below.sent(), frames::fin(0));
    EXPECT_EQ(below.shuts, 2);
}

TEST_F(StreamFramingEndTest, a_requester_lets_a_connection_go_by_uses_and_by_age) {
    const auto now = Clock::now();
    StreamFraming framing(below, Role::requester);
    EXPECT_FALSE(framing.is_worn_out(now + kConnectionAge * 8 / 9));
    EXPECT_TRUE(framing.is_worn_out(now + kConnectionAge * 10 / 9));
    for (unsigned use = 1; use < kConnectionUsesMax; ++use) {
        begin(framing);
        EXPECT_EQ(framing.shut_send(), 0);
        below.arrived = frames::fin(0) + frames::free();
        ASSERT_EQ(framing.settle(), Settled::done);
    }
    EXPECT_FALSE(framing.is_worn_out(now));
    framing.begin_sending();
    EXPECT_TRUE(framing.is_worn_out(now));
}

}  // namespace
}  // namespace inout::stream_framing_end_test
