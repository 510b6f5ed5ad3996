#include "common/net/control_channel.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "../tls_pair.hpp"
#include "common/app/worker.hpp"

namespace inout::control_channel_test {
namespace {

using namespace std::chrono_literals;

using Received = Result<Message, ReadError>;

class ControlChannelTest : public testing::Test {
  protected:
    ControlChannelTest()
        : out(std::make_shared<ControlChannel>(adopt_owned(context, std::move(pair.a)))),
          peer(std::move(pair.b)) {}

    /// The other end as a channel too, instead of a bare socket.
    std::shared_ptr<ControlChannel> proxy() {
        return std::make_shared<ControlChannel>(adopt_owned(context, std::move(peer)));
    }
    std::optional<Received> receive(const std::shared_ptr<ControlChannel>& channel) {
        return run(context, channel->receive());
    }
    ReadError::Kind failure(const std::shared_ptr<ControlChannel>& channel) {
        const auto received = receive(channel);
        EXPECT_TRUE(received && !*received);
        EXPECT_FALSE(channel->connection().is_open()) << "a failed channel is closed";
        return received && !*received ? received->error().kind : ReadError::Kind{};
    }
    void peer_sends(std::string_view bytes) {
        EXPECT_EQ(::send(peer.get(), bytes.data(), bytes.size(), 0),
                  static_cast<ssize_t>(bytes.size()));
    }

    asio::io_context context;
    TcpPair pair;
    std::shared_ptr<ControlChannel> out;
    UniqueFd peer;
};

TEST_F(ControlChannelTest, messages_arrive_in_the_order_they_were_sent) {
    const auto other = proxy();
    for (unsigned i = 1; i <= 100; ++i) out->send(NewDataRequest{.topic = "t", .count = i});
    for (unsigned i = 1; i <= 100; ++i) {
        const auto received = receive(other);
        ASSERT_TRUE(received && *received);
        EXPECT_EQ(std::get<NewDataRequest>(**received).count, i);
    }
}

TEST_F(ControlChannelTest, both_ends_may_send_at_once) {
    const auto other = proxy();
    out->send(Ping{});
    other->send(Pong{});
    const auto at_other = receive(other);
    const auto at_out = receive(out);
    EXPECT_TRUE(at_other && *at_other && std::holds_alternative<Ping>(**at_other));
    EXPECT_TRUE(at_out && *at_out && std::holds_alternative<Pong>(**at_out));
}

TEST_F(ControlChannelTest, order_is_kept_when_the_peer_reads_late) {
    const std::size_t filler = fill(out->connection().fd());
    for (unsigned i = 1; i <= 100; ++i) out->send(NewDataRequest{.topic = "t", .count = i});
    EXPECT_TRUE(out->connection().is_open());
    EXPECT_EQ(drain(peer.get(), filler), filler);
    const auto other = proxy();
    for (unsigned i = 1; i <= 100; ++i) {
        const auto received = receive(other);
        ASSERT_TRUE(received && *received);
        ASSERT_EQ(std::get<NewDataRequest>(**received).count, i);
    }
}

TEST_F(ControlChannelTest, a_peer_that_does_not_read_is_cut_when_64_kib_wait) {
    fill(out->connection().fd());
    const std::size_t frame = encode(Ping{}).size();
    for (std::size_t waiting = 0; waiting + frame <= kOutboxMaxBytes; waiting += frame) {
        out->send(Ping{});
        ASSERT_TRUE(out->connection().is_open()) << waiting << " bytes wait";
    }
    out->send(Ping{});
    EXPECT_FALSE(out->connection().is_open());
    out->send(Ping{});  // nothing happens any more
    EXPECT_EQ(end_of(peer.get()), End::rst);
}

TEST_F(ControlChannelTest, a_frame_in_single_bytes_is_one_message) {
    const std::string frame = encode(Notice{NoticeCode::draining, "x"});
    const auto drip = [this, &frame, at = std::size_t{0}]() mutable {
        if (at < frame.size()) peer_sends(std::string_view(frame).substr(at++, 1));
        return at == frame.size();
    };
    EXPECT_TRUE(run_until(context, drip));
    const auto received = receive(out);
    ASSERT_TRUE(received && *received);
    EXPECT_EQ(std::get<Notice>(**received).code, NoticeCode::draining);
}

TEST_F(ControlChannelTest, an_end_between_frames_and_inside_one_is_an_end) {
    peer_sends(encode(Ping{}).substr(0, 9));
    peer.reset();
    EXPECT_EQ(failure(out), ReadError::Kind::ended);
}

TEST_F(ControlChannelTest, a_reset_is_a_failure_with_its_cause) {
    reset(peer);
    EXPECT_EQ(failure(out), ReadError::Kind::failed);
}

TEST_F(ControlChannelTest, what_came_before_a_failed_send_is_still_received) {
    peer_sends(encode(Notice{NoticeCode::draining, "why"}));
    reset(peer);
    ASSERT_TRUE(eventually([&] { return sample_tcp(out->connection().fd()).closed; }));
    out->send(Ping{});
    out->send(Ping{});
    const auto received = receive(out);
    ASSERT_TRUE(received && *received);
    EXPECT_EQ(std::get<Notice>(**received).message, "why");
    const auto end = receive(out);
    ASSERT_TRUE(end && !*end);
    EXPECT_EQ(end->error().kind, ReadError::Kind::failed);
    EXPECT_EQ(end->error().cause.value(), ECONNRESET) << "the send's error, which came once";
}

TEST_F(ControlChannelTest, a_length_above_the_limit_closes_before_anything_of_it_is_read) {
    peer_sends(std::string_view("\x01\x40\0\0\0\0\0\0", 8));  // 16,385
    EXPECT_EQ(failure(out), ReadError::Kind::malformed);
}

TEST_F(ControlChannelTest, an_unknown_message_closes) {
    peer_sends(std::string_view("\x12\0\0\0\0\0\0\0{\"Type\":\"Unheard\"}", 26));
    EXPECT_EQ(failure(out), ReadError::Kind::unknown_type);
}

TEST_F(ControlChannelTest, silence_beyond_the_timeout_cuts_and_ends_the_receive) {
    const auto start = Clock::now();
    out->start_heartbeat(0ms, 30ms);
    EXPECT_EQ(failure(out), ReadError::Kind::failed);
    EXPECT_TRUE(out->timed_out());
    EXPECT_GE(Clock::now() - start, 30ms);
    EXPECT_EQ(end_of(peer.get()), End::rst);
}

/// The peer has left with our bytes unread: what it said before is read, and then the log says that
/// sending failed, not what followed from it.
TEST_F(ControlChannelTest, a_failed_send_is_the_reason_and_what_came_before_is_read) {
    peer_sends(encode(Notice{NoticeCode::draining, "last words"}));
    ::shutdown(out->connection().fd(), SHUT_WR);
    out->send(Ping{});
    const auto received = receive(out);
    ASSERT_TRUE(received && *received);
    EXPECT_TRUE(std::holds_alternative<Notice>(**received));
    peer.reset();
    const auto end = receive(out);
    ASSERT_TRUE(end && !*end);
    EXPECT_EQ(out->why(end->error()).find("sending failed: "), 0U) << out->why(end->error());
}

TEST_F(ControlChannelTest, after_a_failed_send_it_ends_soon_even_if_the_peer_stays) {
    ::shutdown(out->connection().fd(), SHUT_WR);
    out->send(Ping{});
    EXPECT_TRUE(out->connection().is_open());
    EXPECT_TRUE(run_until(context, [&] { return !out->connection().is_open(); }));
}

TEST_F(ControlChannelTest, frames_of_two_writers_are_told_apart) {
    const std::string pong = encode(Pong{}), wanted = encode(NewDataRequest{.topic = "t"});
    peer_sends(pong.substr(0, 8) + wanted.substr(0, 8) + wanted.substr(8) + pong.substr(8));
    const auto first = receive(out), second = receive(out);
    ASSERT_TRUE(first && *first && second && *second);
    EXPECT_TRUE(std::holds_alternative<NewDataRequest>(**first));
    EXPECT_TRUE(std::holds_alternative<Pong>(**second));
}

TEST_F(ControlChannelTest, what_is_no_message_is_shown_up_to_a_limit) {
    peer_sends("SSH-2.0-OpenSSH_9.2p1 Debian\r\n" + std::string(100, 'x'));
    const auto received = receive(out);
    ASSERT_TRUE(received && !*received);
    const std::string& seen = received->error().seen;
    EXPECT_EQ(seen.size(), kSeenMaxBytes);
    EXPECT_EQ(seen.find("SSH-2.0-OpenSSH_9.2p1"), 0U);
}

TEST_F(ControlChannelTest, an_end_by_the_peer_is_no_timeout) {
    out->start_heartbeat(0ms, 60s);
    peer.reset();
    EXPECT_EQ(failure(out), ReadError::Kind::ended);
    EXPECT_FALSE(out->timed_out());
}

TEST_F(ControlChannelTest, pings_leave_at_the_interval_and_answers_keep_it_alive) {
    const auto other = proxy();
    out->start_heartbeat(2ms, 20s);
    const auto answer = [](std::shared_ptr<ControlChannel> channel, int pings) -> Task<int> {
        int answered = 0;
        while (answered < pings) {
            const auto received = co_await channel->receive();
            if (!received || !std::holds_alternative<Ping>(*received)) break;
            channel->send(Pong{});
            ++answered;
        }
        co_return answered;
    };
    EXPECT_EQ(run(context, answer(other, 5)), 5);
    EXPECT_TRUE(out->connection().is_open());
}

/// Over TLS what has arrived is read without a wait.
TEST(ControlChannelTlsTest, a_peer_that_sends_without_a_pause_leaves_others_their_turn) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    std::string flood;
    for (int i = 0; i < 1'000; ++i) flood += encode(Ping{});
    ASSERT_TRUE(send_all(*pair.client, flood));

    asio::io_context context;
    auto connection = adopt_owned(context, std::move(pair.wire.b));
    connection->secure(std::move(pair.server));
    const auto channel = std::make_shared<ControlChannel>(std::move(connection));
    unsigned received = 0, seen_by_others = 0;
    const auto serve = [&]() -> Task<> {
        while (co_await channel->receive()) ++received;
    };
    spawn(context.get_executor(), "serve", serve());
    asio::post(context, [&] { seen_by_others = received; });
    EXPECT_TRUE(run_until(context, [&] { return received == 1'000; }));
    EXPECT_LE(seen_by_others, kTurnOperations / Turn::kMessage);
    channel->close();
    run_until(context, [] { return counters().tasks == 0; });
}

/// Each message is read in two parts: neither they nor the messages have budgets of their own.
TEST(ControlChannelTlsTest, messages_in_records_of_one_byte_have_one_budget) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    std::string flood;
    for (int i = 0; i < 30; ++i) flood += encode(Ping{});
    ASSERT_TRUE(send_byte_by_byte(*pair.client, flood, pair.wire.b.get()));

    asio::io_context context;
    auto connection = adopt_owned(context, std::move(pair.wire.b));
    connection->secure(std::move(pair.server));
    const auto channel = std::make_shared<ControlChannel>(std::move(connection));
    unsigned received = 0;
    const auto serve = [&]() -> Task<> {
        while (co_await channel->receive()) ++received;
    };
    Others others(context, [&] { return received < 30; });
    spawn(context.get_executor(), "serve", serve());
    EXPECT_TRUE(run_until(context, [&] { return received == 30; }));
    EXPECT_GE(others.turns, (flood.size() + 30 * Turn::kMessage) / kTurnOperations);
    channel->close();
    run_until(context, [] { return counters().tasks == 0; });
}

}  // namespace
}  // namespace inout::control_channel_test
