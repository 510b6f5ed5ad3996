#include "common/net/stream_framing.hpp"

#include <gtest/gtest.h>

#include "common/base/counters.hpp"
#include "framed_end.hpp"

namespace inout::stream_framing_test {
namespace {

using StreamFramingTest = FramedEnd;

TEST_F(StreamFramingTest, header_and_bytes_leave_in_one_write) {
    EXPECT_EQ(requester.write("hello"), 5);
    EXPECT_EQ(below.writes, std::vector{frames::data("hello")});
}

TEST_F(StreamFramingTest, more_than_a_frame_leaves_as_several_in_one_write) {
    const std::string much(16'402, 'x');
    EXPECT_EQ(requester.write(much), 16'402);
    EXPECT_EQ(below.writes, std::vector{frames::data(much.substr(0, 16'384)) +
                                        frames::data(much.substr(16'384))});
}

TEST_F(StreamFramingTest, a_write_of_any_size_is_taken_whole_where_there_is_room) {
    const std::string much(100'000, 'x');
    EXPECT_EQ(requester.write(much), 100'000);
    std::string row = below.sent();
    StreamFrameReader reader(0, false);
    EXPECT_EQ(reader.take(row), much.size());
}

TEST_F(StreamFramingTest, only_content_counts_as_taken) {
    below.room = 3;  // of the header
    EXPECT_EQ(write(requester, "hello"), (std::pair<ssize_t, int>(-1, EAGAIN)));
    below.room = 3;  // the rest of it, and 2 bytes
    EXPECT_EQ(requester.write("hello"), 2);
    EXPECT_EQ(write(requester, "llo"), (std::pair<ssize_t, int>(-1, EAGAIN)));
    below.room = MemoryEnd::kNoLimit;
    EXPECT_EQ(requester.write("llo and more"), 12);
    EXPECT_EQ(below.sent(), frames::data("hello") + frames::data(" and more"));
    EXPECT_EQ(below.writes.size(), 3U);
}

TEST_F(StreamFramingTest, wherever_a_write_falls_short_the_row_is_whole) {
    const std::string data = "some bytes, in two frames or more";
    for (std::size_t room = 1; room < 40; ++room) {
        for (const bool has_records : {false, true}) {
            MemoryEnd end;
            end.has_records = has_records;
            StreamFraming framing(end, Role::requester);
            framing.begin_sending();
            if (room % 2 == 0) framing.send_ahead("answer");
            std::string_view left = data;
            int turns = 0;
            while (!left.empty() && ++turns < 200) {
                end.room = room + (has_records && turns % 2 == 1 ? 30 : 0);
                end.at_once = 1 + room % 7;
                const ssize_t n = framing.write(left);
                if (n > 0) left.remove_prefix(static_cast<std::size_t>(n));
            }
            end.room = MemoryEnd::kNoLimit;
            EXPECT_EQ(framing.shut_send(), 0);
            std::string row = end.sent();
            if (room % 2 == 0) {
                EXPECT_EQ(row.substr(0, 6), "answer");
                row.erase(0, 6);
            }
            StreamFrameReader reader(0, false);
            row.resize(reader.take(row));
            EXPECT_EQ(row, data);
            EXPECT_EQ(reader.end(), StreamFrameReader::End::fin) << reader.problem();
            EXPECT_FALSE(end.got_other_bytes());
        }
    }
}

TEST_F(StreamFramingTest, a_message_leaves_with_the_first_bytes_and_is_none_of_them) {
    requester.send_ahead("answer");
    EXPECT_TRUE(below.writes.empty());
    EXPECT_EQ(requester.write("hello"), 5);
    EXPECT_EQ(below.writes, std::vector{"answer" + frames::data("hello")});
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(below.writes.back(), frames::fin(5));
}

TEST_F(StreamFramingTest, a_message_leaves_with_the_end_where_nothing_else_comes) {
    requester.send_ahead("answer");
    EXPECT_TRUE(requester.can_reset());
    requester.reset_stream();
    EXPECT_EQ(requester.settle(), Settled::waits_for_input);
    EXPECT_EQ(below.sent(), "answer" + frames::reset());
}

TEST_F(StreamFramingTest, a_message_leaves_with_as_much_as_there_is_room_for) {
    const std::string message(StreamFraming::kAheadMaxBytes, 'm'), much(40'000, 'x');
    requester.send_ahead(message);
    EXPECT_EQ(requester.write(much), 40'000);
    std::string row = below.sent().substr(message.size());
    StreamFrameReader reader(0, false);
    EXPECT_EQ(reader.take(row), much.size());
    EXPECT_EQ(below.sent().substr(0, message.size()), message);
}

TEST_F(StreamFramingTest, reset_can_be_said_until_a_frame_has_begun) {
    below.room = 0;
    EXPECT_EQ(requester.write("hello"), -1);
    EXPECT_TRUE(requester.can_reset());
    below.room = 1;
    EXPECT_EQ(requester.write("hello"), -1);
    EXPECT_FALSE(requester.can_reset());
    requester.reset_stream();
    EXPECT_EQ(requester.settle(), Settled::failed);
    EXPECT_EQ(below.sent(), "D");
    below.room = MemoryEnd::kNoLimit;
    EXPECT_EQ(requester.write("hello"), 5);
    EXPECT_TRUE(requester.can_reset());
    requester.reset_stream();
    EXPECT_EQ(requester.settle(), Settled::waits_for_input);
    EXPECT_EQ(below.sent(), frames::data("hello") + frames::reset());
    EXPECT_FALSE(requester.can_reset());
    EXPECT_EQ(write(requester, "x"), (std::pair<ssize_t, int>(-1, EPIPE)));
}

TEST_F(StreamFramingTest, a_frame_that_tls_may_have_taken_has_begun) {
    below.has_records = true;
    below.room = 2;
    EXPECT_EQ(write(requester, "hello"), (std::pair<ssize_t, int>(-1, EAGAIN)));
    EXPECT_FALSE(requester.can_reset());
    below.room = 100;
    EXPECT_EQ(requester.write("hello and more"), 14);
    EXPECT_EQ(below.sent(), frames::data("hello") + frames::data(" and more"));
    EXPECT_FALSE(below.got_other_bytes());
}

TEST_F(StreamFramingTest, bytes_that_have_left_already_count) {
    StreamFraming framing(below, Role::requester);
    framing.begin_sending(5);
    EXPECT_EQ(framing.write("late"), 4);
    EXPECT_EQ(framing.shut_send(), 0);
    EXPECT_EQ(below.sent(), frames::data("late") + frames::fin(9));
}

TEST_F(StreamFramingTest, content_comes_first_and_the_end_afterwards) {
    below.arrived = frames::data("some ") + frames::data("bytes") + frames::fin(10);
    EXPECT_EQ(responder.take_work(), 0U);
    EXPECT_EQ(read_once(responder), "some bytes");
    EXPECT_EQ(responder.take_work(), 3U);
    EXPECT_FALSE(responder.is_drained());
    EXPECT_FALSE(responder.is_quiet());
    EXPECT_EQ(read_once(responder), "end");
    EXPECT_FALSE(responder.is_drained());
    EXPECT_EQ(read_once(responder), "end") << "each time";
}

TEST_F(StreamFramingTest, headers_without_content_are_read_on_from) {
    below.arrived = frames::data("x");
    below.at_once = 4;
    EXPECT_EQ(read_once(responder), "x");
    below.arrived = frames::data("y").substr(0, 4);
    EXPECT_EQ(read_once(responder), "nothing");
    below.arrived = "y";
    EXPECT_EQ(read_once(responder), "y");
}

TEST_F(StreamFramingTest, a_small_buffer_gets_the_same) {
    below.arrived = frames::data("some bytes") + frames::fin(10) + frames::free();
    EXPECT_EQ(requester.shut_send(), 0);
    std::string content;
    std::string piece;
    while ((piece = read_once(requester, 3)) != "end") content += piece;
    EXPECT_EQ(content, "some bytes");
    EXPECT_FALSE(requester.is_released());
    EXPECT_EQ(requester.look_for_release(), 0);
}

TEST_F(StreamFramingTest, what_was_read_ahead_comes_first) {
    MemoryEnd end;
    end.arrived = "head" + frames::data("a") + frames::data("b");
    Unread ahead(end);
    EXPECT_EQ(ahead.fill(7), 14);
    end.arrived = frames::data("c");
    StreamFraming framing(end, Role::responder);
    framing.begin_receiving(ahead, 4);
    EXPECT_TRUE(ahead.is_empty());
    EXPECT_FALSE(framing.is_drained());
    EXPECT_EQ(read_once(framing), "headab");
    EXPECT_EQ(read_once(framing), "c");
}

TEST_F(StreamFramingTest, content_is_ahead_once_its_first_byte_is) {
    const std::string row = frames::data("first");
    for (std::size_t size = 0; size <= row.size(); ++size) {
        StreamFraming framing(below, Role::requester);
        Unread ahead(below);
        ahead.put_back(row.substr(0, size));
        EXPECT_FALSE(framing.has_content_ahead());
        framing.begin_receiving(ahead);
        EXPECT_EQ(framing.has_content_ahead(), size > kStreamHeaderBytes) << size;
        const bool has_content = size > kStreamHeaderBytes;
        EXPECT_EQ(read_once(framing), has_content ? row.substr(4, size - 4) : "nothing") << size;
    }
    for (const std::string& other : {frames::fin(0), frames::reset(), std::string("XXXXXXXX")}) {
        StreamFraming framing(below, Role::requester);
        Unread ahead(below);
        ahead.put_back(other);
        framing.begin_receiving(ahead);
        EXPECT_FALSE(framing.has_content_ahead());
    }
}

TEST_F(StreamFramingTest, what_breaks_the_rules_is_told_behind_what_was_right) {
    const std::size_t before = counters().framing_errors_total;
    below.arrived = frames::data("good") + "bad bytes" + frames::data("more");
    EXPECT_EQ(read_once(requester), "good");
    EXPECT_FALSE(requester.is_drained());
    EXPECT_EQ(read_once(requester), "broken");
    EXPECT_EQ(read_once(requester), "broken");
    EXPECT_TRUE(requester.is_broken());
    EXPECT_FALSE(requester.has_peer_ended());
    EXPECT_EQ(requester.failure(), "unknown kind of frame");
    EXPECT_EQ(requester.last_error().category(), framing_category());
    EXPECT_FALSE(requester.can_reset());
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(requester.settle(), Settled::failed);
    EXPECT_EQ(counters().framing_errors_total, before + 1);
}

TEST_F(StreamFramingTest, a_direction_that_moves_much_becomes_raw) {
    EXPECT_FALSE(requester.take_raw(kStreamFramedBytes - 1));
    below.room = 1;
    EXPECT_EQ(requester.write("x"), -1);
    EXPECT_FALSE(requester.take_raw(kStreamFramedBytes));  // half a frame
    below.room = 6;
    EXPECT_EQ(requester.write("x"), 1);
    EXPECT_TRUE(requester.take_raw(kStreamFramedBytes));
    EXPECT_TRUE(requester.is_raw());
    EXPECT_FALSE(requester.can_reset());
    below.room = 1;
    EXPECT_EQ(requester.write("yz"), -1);
    below.room = 3;
    EXPECT_EQ(requester.write("yz"), 2);
    EXPECT_EQ(below.sent(), frames::data("x") + frames::raw() + "yz");
    EXPECT_EQ(requester.shut_send(), 0);
    EXPECT_EQ(below.shuts, 1);
    EXPECT_EQ(below.sent(), frames::data("x") + frames::raw() + "yz");
    EXPECT_EQ(requester.settle(), Settled::failed);
}

TEST_F(StreamFramingTest, behind_a_forward_proxy_nothing_is_raw) {
    requester.stay_framed();
    EXPECT_EQ(requester.write("x"), 1);
    EXPECT_FALSE(requester.take_raw(100 * kStreamFramedBytes));
    below.arrived = frames::raw();
    EXPECT_EQ(read_once(requester), "broken");
    EXPECT_TRUE(requester.failure().starts_with("raw behind a forward proxy"))
        << requester.failure();
}

TEST_F(StreamFramingTest, over_tls_nothing_is_raw) {
    below.has_records = true;
    EXPECT_FALSE(requester.take_raw(kStreamFramedBytes));
    below.arrived = frames::raw();
    EXPECT_EQ(read_once(requester), "broken");
    EXPECT_EQ(requester.failure(), "raw over TLS");
}

}  // namespace
}  // namespace inout::stream_framing_test
