// What a relay gives back at the end of its stream, and when.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "../logged.hpp"
#include "../peer.hpp"
#include "../stream_frames.hpp"
#include "common/net/settle.hpp"
#include "common/relay/relay.hpp"

namespace inout::relay_end_test {
namespace {

class RelayEndTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { log::start("tests", log::Level::error, log::Format::text); }

    ConnectionPtr plain(UniqueFd& fd) { return adopt_owned(context, std::move(fd)); }
    /// A connection in whose frames a stream has just begun; the peer has the other role.
    ConnectionPtr framed(UniqueFd& fd, StreamFraming::Role role) {
        ConnectionPtr connection = plain(fd);
        connection->frame(role);
        begin(*connection);
        return connection;
    }
    static void begin(Connection& connection) {
        connection.framing()->begin_sending();
        connection.receive_stream();
    }
    ConnectionPtr asked(UniqueFd& fd) { return framed(fd, StreamFraming::Role::responder); }
    ConnectionPtr asking(UniqueFd& fd) { return framed(fd, StreamFraming::Role::requester); }
    /// Another stream can follow on it.
    bool is_settled(EndedLeg& leg) {
        bool settled = false;
        settle(std::move(leg.connection), Wanted::yes, [&](ConnectionPtr connection) {
            settled = true;
            leg.connection = std::move(connection);
        });
        run_until(context, [&] { return settled || !leg.connection; });
        return settled;
    }
    /// Its end is put into `ended`; it holds `place` until then.
    void start(ConnectionPtr client_side, ConnectionPtr service_side) {
        relays->start(
            {.client_side = std::move(client_side),
             .service_side = std::move(service_side),
             .entry = {relays->streams(), "1f", "web", "192.0.2.1:5", {}},
             .on_end = [this, held = place, table = &relays->streams()](EndedStream stream) {
                 EXPECT_TRUE(table->all().empty());
                 log::info("given back");
                 ended.push_back(std::move(stream));
             }});
        EXPECT_EQ(place.use_count(), 2);
    }
    bool run_to_the_end() {
        return run_until(context, [&] { return !ended.empty(); });
    }
    void expect_spent() const {
        ASSERT_EQ(ended.size(), 1U);
        for (const EndedLeg* leg : {&ended.front().client, &ended.front().service}) {
            EXPECT_EQ(leg->verdict, LegVerdict::spent);
            EXPECT_FALSE(leg->connection->is_open());
        }
        EXPECT_EQ(place.use_count(), 1);
    }
    void TearDown() override {
        ended.clear();
        relays.reset();
        EXPECT_EQ(counters().streams, 0U);
        EXPECT_EQ(counters().sockets, 0U);
        EXPECT_EQ(place.use_count(), 1);
    }

    /// Until not even a byte has room; a little later some may have again.
    static void fill(int fd) {
        const std::string junk(65'536, 'j');
        for (const std::size_t size : {junk.size(), std::size_t{1}}) {
            while (::send(fd, junk.data(), size, MSG_DONTWAIT) > 0) {
            }
        }
    }

    asio::io_context context;
    std::optional<RelaySet> relays{std::in_place, context, RelayOptions()};
    TcpPair left, right;  // `a` are the client and the service
    Peer client{context, std::move(left.a)}, service{context, std::move(right.a)};
    const std::shared_ptr<int> place = std::make_shared<int>();
    std::vector<EndedStream> ended;
};

TEST_F(RelayEndTest, a_compressed_direction_that_rests_says_so_as_soon_as_a_full_leg_has_room) {
    ConnectionPtr compressed = plain(right.b);
    compressed->compress();
    compressed->compressed()->begin_sending();
    compressed->receive_compressed();
    const int leg = compressed->fd();
    start(plain(left.b), std::move(compressed));
    client.say_bytes(std::string(2'000, 'x'));
    ASSERT_TRUE(run_until(context, [&] { return zstd_writers() == 1; }));
    // It has rested, and its word waits.
    ASSERT_TRUE(run_until(context, [&] { return fill(leg), zstd_writers() == 0; }));
    std::string got;
    EXPECT_TRUE(run_until(context, [&] {
        std::array<char, 65'536> into;
        ssize_t n = 0;
        while ((n = ::recv(service.fd().get(), into.data(), into.size(), MSG_DONTWAIT)) > 0) {
            got.append(into.data(), static_cast<std::size_t>(n));
        }
        return got.ends_with(std::string_view("E\0\0\0", 4));
    }));
    ::shutdown(client.fd().get(), SHUT_WR);
    ::shutdown(service.fd().get(), SHUT_WR);
    EXPECT_TRUE(run_to_the_end());
    expect_spent();
}

TEST_F(RelayEndTest, both_are_closed_and_the_place_is_free_after_the_line_in_the_log) {
    const std::string lines = logged([&] {
        start(plain(left.b), plain(right.b));
        ::shutdown(client.fd().get(), SHUT_WR);
        ::shutdown(service.fd().get(), SHUT_WR);
        EXPECT_TRUE(run_to_the_end());
    });
    expect_spent();
    EXPECT_EQ(client.end(), End::fin);
    EXPECT_EQ(service.end(), End::fin);
    const std::size_t line = lines.find(" id=1f "), given_back = lines.find("given back");
    ASSERT_NE(line, std::string::npos) << lines;
    ASSERT_NE(given_back, std::string::npos) << lines;
    EXPECT_LT(line, given_back);
}

TEST_F(RelayEndTest, a_connection_whose_stream_has_ended_in_frames_carries_another) {
    start(plain(left.b), asking(right.b));
    client.say_bytes("a");
    EXPECT_EQ(service.hear_bytes(5), frames::data("a"));
    ::shutdown(client.fd().get(), SHUT_WR);
    EXPECT_EQ(service.hear_bytes(12), frames::fin(1));
    service.say_bytes(frames::data("b") + frames::fin(1));
    EXPECT_EQ(client.hear_bytes(2), "b");
    EXPECT_EQ(client.end(), End::fin);
    run_ready(context);
    EXPECT_TRUE(ended.empty()) << "it is not said yet that all has arrived";
    service.say_bytes(frames::free());
    ASSERT_TRUE(run_to_the_end());
    ASSERT_EQ(ended.size(), 1U);
    EXPECT_EQ(ended.front().client.verdict, LegVerdict::spent);
    ASSERT_EQ(ended.front().service.verdict, LegVerdict::reusable);

    ASSERT_TRUE(is_settled(ended.front().service));
    ConnectionPtr reused = std::move(ended.front().service.connection);
    ended.clear();
    EXPECT_EQ(place.use_count(), 1);
    run_ready(context);
    EXPECT_TRUE(service.is_quiet());
    TcpPair next;
    const Peer next_client{context, std::move(next.a)};
    begin(*reused);
    start(plain(next.b), std::move(reused));
    next_client.say_bytes("c");
    EXPECT_EQ(service.hear_bytes(5), frames::data("c"));
    service.say_bytes(frames::data("d"));
    EXPECT_EQ(next_client.hear_bytes(1), "d");
    relays->reset_all({.cause = StreamEnd::Cause::drain, .words = "test over"});
    expect_spent();
    EXPECT_EQ(service.end(), End::rst);
}

TEST_F(RelayEndTest, who_was_asked_says_free_together_with_its_end_if_that_is_the_last) {
    start(asked(left.b), plain(right.b));
    client.say_bytes(frames::data("a") + frames::fin(1));
    EXPECT_EQ(service.hear_bytes(2), "a");
    ::shutdown(service.fd().get(), SHUT_WR);
    ASSERT_TRUE(run_to_the_end());
    EXPECT_TRUE(client.is_quiet()) << "its end is held back";
    ASSERT_EQ(ended.front().client.verdict, LegVerdict::reusable);
    EXPECT_TRUE(is_settled(ended.front().client));
    EXPECT_EQ(client.hear_bytes(16), frames::fin(0) + frames::free());
    EXPECT_EQ(service.end(), End::fin);
}

TEST_F(RelayEndTest, who_was_asked_ends_the_connection_if_it_wants_no_other_stream) {
    start(asked(left.b), plain(right.b));
    ::shutdown(service.fd().get(), SHUT_WR);
    EXPECT_EQ(client.hear_bytes(12), frames::fin(0));
    client.say_bytes(frames::fin(0));
    ASSERT_TRUE(run_to_the_end());
    settle(std::move(ended.front().client.connection), Wanted::no,
           [](const ConnectionPtr&) { FAIL() << "it goes on"; });
    EXPECT_EQ(client.end(), End::fin);
}

TEST_F(RelayEndTest, a_reset_is_said_in_frames_and_leaves_both_connections_whole) {
    start(asked(left.b), asking(right.b));
    client.say_bytes(frames::data("a") + frames::reset());
    ASSERT_TRUE(run_to_the_end());
    ASSERT_EQ(ended.front().client.verdict, LegVerdict::reusable);
    ASSERT_EQ(ended.front().service.verdict, LegVerdict::reusable);
    EXPECT_TRUE(is_settled(ended.front().client));
    EXPECT_EQ(client.hear_bytes(8), frames::reset() + frames::free());
    bool settled = false;
    settle(std::move(ended.front().service.connection), Wanted::yes,
           [&](const ConnectionPtr&) { settled = true; });
    EXPECT_EQ(service.hear_bytes(9), frames::data("a") + frames::reset());
    EXPECT_FALSE(settled);
    service.say_bytes(frames::data("forgotten") + frames::fin(9) + frames::free());
    EXPECT_TRUE(run_until(context, [&] { return settled; }));
}

TEST_F(RelayEndTest, a_reset_client_is_said_in_frames) {
    start(plain(left.b), asking(right.b));
    client.say_bytes("a");
    EXPECT_EQ(service.hear_bytes(5), frames::data("a"));
    reset(client.fd());
    ASSERT_TRUE(run_to_the_end());
    ASSERT_EQ(ended.front().service.verdict, LegVerdict::reusable);
    bool settled = false;
    settle(std::move(ended.front().service.connection), Wanted::yes,
           [&](const ConnectionPtr&) { settled = true; });
    EXPECT_EQ(service.hear_bytes(4), frames::reset());
    service.say_bytes(frames::reset() + frames::free());
    EXPECT_TRUE(run_until(context, [&] { return settled; }));
}

TEST_F(RelayEndTest, an_end_of_the_connection_within_frames_is_a_reset) {
    start(asked(left.b), plain(right.b));
    client.say_bytes(frames::data("a"));
    EXPECT_EQ(service.hear_bytes(1), "a");
    ::shutdown(client.fd().get(), SHUT_WR);
    ASSERT_TRUE(run_to_the_end());
    expect_spent();
    EXPECT_EQ(service.end(), End::rst);
}

TEST_F(RelayEndTest, a_peer_that_breaks_the_rules_ends_its_stream_only) {
    const std::string lines = logged([&] {
        start(asked(left.b), plain(right.b));
        client.say_bytes(frames::data("a") + frames::fin(2));
        EXPECT_TRUE(run_to_the_end());
    });
    expect_spent();
    EXPECT_EQ(client.end(), End::rst);
    EXPECT_EQ(service.hear_bytes(1), "a");
    EXPECT_EQ(service.end(), End::rst);
    EXPECT_NE(lines.find("reason=\"frames of client: "), std::string::npos) << lines;
}

TEST_F(RelayEndTest, another_stream_may_begin_where_the_first_has_ended) {
    TcpPair next;
    Peer next_client{context, std::move(next.a)};
    std::size_t ends = 0;
    ConnectionPtr next_side = plain(next.b);
    relays->start({.client_side = plain(left.b),
                   .service_side = asking(right.b),
                   .entry = {relays->streams(), "2f", "web", "192.0.2.1:5", {}},
                   .on_end = [&](EndedStream stream) {
                       ++ends;
                       settle(std::move(stream.service.connection), Wanted::yes,
                              [&](ConnectionPtr reused) {
                                  begin(*reused);
                                  start(std::move(next_side), std::move(reused));
                              });
                   }});
    ::shutdown(client.fd().get(), SHUT_WR);
    service.say_bytes(frames::fin(0) + frames::free());
    EXPECT_EQ(service.hear_bytes(12), frames::fin(0));
    next_client.say_bytes("c");
    EXPECT_EQ(service.hear_bytes(5), frames::data("c"));
    EXPECT_EQ(ends, 1U);
    ::shutdown(next_client.fd().get(), SHUT_WR);
    service.say_bytes(frames::data("d") + frames::fin(1) + frames::free());
    ASSERT_TRUE(run_to_the_end());
    EXPECT_EQ(next_client.hear_bytes(2), "d");
    EXPECT_EQ(ended.front().service.verdict, LegVerdict::reusable);
}

TEST_F(RelayEndTest, no_connection_outlives_one_that_was_lost_itself) {
    start(asked(left.b), asking(right.b));
    client.say_bytes(frames::data("a") + frames::fin(1));
    EXPECT_EQ(service.hear_bytes(17), frames::data("a") + frames::fin(1));
    reset(service.fd());
    ASSERT_TRUE(run_to_the_end());
    EXPECT_EQ(ended.front().service.verdict, LegVerdict::spent);
    EXPECT_FALSE(ended.front().service.connection->is_open());
    ASSERT_EQ(ended.front().client.verdict, LegVerdict::reusable);
    EXPECT_TRUE(is_settled(ended.front().client));
    EXPECT_EQ(client.hear_bytes(8), frames::reset() + frames::free());
}

TEST_F(RelayEndTest, who_is_told_at_the_end_is_told_once_when_all_are_reset) {
    start(asked(left.b), asking(right.b));
    relays->reset_all({.cause = StreamEnd::Cause::drain, .words = "for a test"});
    expect_spent();
    relays->reset_all({.cause = StreamEnd::Cause::drain, .words = "for a test"});
    run_ready(context);
    expect_spent();
    EXPECT_EQ(client.end(), End::rst);
    EXPECT_EQ(service.end(), End::rst);
}

TEST_F(RelayEndTest, a_set_that_goes_ends_its_streams) {
    start(plain(left.b), asking(right.b));
    run_ready(context);
    const auto record = relays->streams().all().front();
    relays.reset();  // the event loop does not run again: nothing of the relay may be left behind
    expect_spent();
    EXPECT_EQ(record->relay, nullptr);
}

}  // namespace
}  // namespace inout::relay_end_test
