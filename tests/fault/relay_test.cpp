// How a stream is carried and ends, the same whatever its legs are.
#include <gtest/gtest.h>

#include "stream.hpp"

namespace inout::relay_test {
namespace {

std::string name_of(const testing::TestParamInfo<Path>& info) {
    switch (info.param) {
        case Path::plain: return "plain";
        case Path::one_tls_leg: return "one_tls_leg";
        case Path::two_tls_legs: return "two_tls_legs";
        case Path::end_to_end: return "end_to_end";
        case Path::end_to_end_in_tls: return "end_to_end_in_tls";
    }
    return {};
}

class RelayTest : public StreamTest, public testing::WithParamInterface<Path> {
  protected:
    Stream& add() { return StreamTest::add(GetParam()); }
    /// One that has carried so much each way, and has not ended.
    Stream& add_running(std::size_t bytes) {
        Stream& stream = add();
        stream.client.to_send = stream.service.to_send = bytes;
        EXPECT_TRUE(run_until(
            [&] { return stream.client.received == bytes && stream.service.received == bytes; }));
        return stream;
    }
};
INSTANTIATE_TEST_SUITE_P(Paths, RelayTest, testing::ValuesIn(kPaths), name_of);

TEST_P(RelayTest, carries_both_directions_and_ends_clean) {
    Stream& stream = add();
    stream.will_carry(5 * kMegabyte, 3 * kMegabyte);
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(5 * kMegabyte, 3 * kMegabyte);
}

TEST_P(RelayTest, half_close_leaves_the_other_direction_open) {
    Stream& stream = add();
    stream.client.to_send = kMegabyte;
    stream.client.fin_after = true;
    EXPECT_TRUE(run_until([&] { return stream.service.end == End::fin; }));
    EXPECT_EQ(stream.client.end, End::none);
    stream.service.to_send = 2 * kMegabyte;
    stream.service.fin_after = true;
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(kMegabyte, 2 * kMegabyte);
}

TEST_P(RelayTest, rst_is_carried_in_both_directions) {
    for (const bool from_client : {true, false}) {
        Stream& stream = add_running(1'000);
        reset(from_client ? stream.client.fd : stream.service.fd);
        EXPECT_TRUE(run_to_the_end());
        EXPECT_EQ((from_client ? stream.service : stream.client).end, End::rst);
    }
}

TEST_P(RelayTest, rst_after_a_half_close_is_still_an_rst) {
    Stream& stream = add();
    stream.client.fin_after = true;
    stream.service.to_send = 1'000;
    EXPECT_TRUE(run_until(
        [&] { return stream.client.received == 1'000 && stream.service.end == End::fin; }));
    reset(stream.service.fd);
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(stream.client.end, End::rst);
}

/// The bytes are in the first relay's kernel when the RST comes.
TEST_P(RelayTest, what_came_before_an_rst_is_delivered_before_it) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{16'384}, std::size_t{60'000}}) {
        Stream& stream = prepare(GetParam());
        stream.client.to_send = size;
        EXPECT_TRUE(run_until([&] {
            return stream.client.sent == size &&
                   sample_tcp(stream.client.fd.get()).all_acknowledged();
        }));
        reset(stream.client.fd);
        stream.start();
        EXPECT_TRUE(run_to_the_end());
        EXPECT_EQ(stream.service.received, size);
        EXPECT_FALSE(stream.service.corrupt);
        EXPECT_EQ(stream.service.end, End::rst);
    }
}

TEST_P(RelayTest, a_paused_reader_stops_the_sender_and_loses_nothing) {
    Stream& stream = add();
    stream.will_carry(60 * kMegabyte, 0);
    stream.service.reading = false;
    EXPECT_TRUE(run_until_all_rests());
    EXPECT_LT(stream.client.sent, 60 * kMegabyte);
    EXPECT_LE(counters().pipes, 1U) << "a blocked direction holds one pipe at most";
    stream.service.reading = true;
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(60 * kMegabyte, 0);
}

/// Who does not read may send all the same: each direction has its own back-pressure.
TEST_P(RelayTest, a_direction_that_is_held_up_does_not_hold_the_other_one_up) {
    for (const bool client_reads : {false, true}) {
        Stream& stream = add();
        Peer& deaf = client_reads ? stream.service : stream.client;
        Peer& other = client_reads ? stream.client : stream.service;
        deaf.reading = false;
        other.to_send = 60 * kMegabyte;
        EXPECT_TRUE(run_until_all_rests());
        EXPECT_LT(other.sent, 60 * kMegabyte);
        for (int i = 1; i <= 20; ++i) {  // in small pieces, each of which drains the legs
            deaf.to_send += 10'000;
            ASSERT_TRUE(run_until([&] { return other.received == deaf.to_send; }))
                << other.received << " of " << deaf.to_send;
        }
        deaf.reading = true;
        deaf.fin_after = other.fin_after = true;
        EXPECT_TRUE(run_to_the_end());
        EXPECT_FALSE(other.corrupt || deaf.corrupt);
    }
}

/// The client's FIN meets legs without any room; it comes out behind the last byte.
TEST_P(RelayTest, an_end_behind_a_full_leg_arrives) {
    Stream& stream = add();
    stream.service.reading = false;
    stream.client.to_send = 100 * kMegabyte;
    EXPECT_TRUE(run_until_all_rests());
    stream.client.to_send = stream.client.sent;
    stream.client.fin_after = stream.service.fin_after = true;
    EXPECT_TRUE(run_until_all_rests());
    stream.service.reading = true;
    EXPECT_TRUE(run_to_the_end());
    stream.expect_complete(stream.client.sent, 0);
}

TEST_P(RelayTest, an_idle_stream_makes_no_calls) {
    Stream& stream = add_running(100'000);
    EXPECT_TRUE(run_until_all_rests()) << "something spins";
    stream.client.fin_after = true;
    EXPECT_TRUE(run_until([&] { return stream.service.end == End::fin; }));
    EXPECT_TRUE(run_until_all_rests()) << "something spins after a half-close";
    stream.service.fin_after = true;
    EXPECT_TRUE(run_to_the_end());
}

TEST_P(RelayTest, an_end_of_all_streams_is_an_rst_at_both_ends) {
    Stream& stream = add();
    stream.client.to_send = stream.service.to_send = 100 * kMegabyte;
    EXPECT_TRUE(run_until([&] { return stream.service.received > kMegabyte; }));
    stream.sets.front()->reset_all({.cause = StreamEnd::Cause::drain, .words = "drain timeout"});
    EXPECT_EQ(stream.sets.front()->size(), 0U);
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(stream.client.end, End::rst);
    EXPECT_EQ(stream.service.end, End::rst);
}

TEST_P(RelayTest, what_a_stream_keeps_is_released_at_its_end) {
    Stream& stream = add();
    stream.will_carry(0, 0);
    EXPECT_EQ(stream.kept.use_count(), 1 + static_cast<long>(stream.sets.size()));
    EXPECT_TRUE(run_until([&] { return all_over(); }));
    EXPECT_EQ(stream.kept.use_count(), 1);
    EXPECT_EQ(stream.ends, stream.sets.size());
}

class RelayTlsTest : public RelayTest {};
INSTANTIATE_TEST_SUITE_P(Paths, RelayTlsTest, testing::ValuesIn(kTlsPaths), name_of);

/// A FIN in the middle of TLS, as somebody on the path can forge it, is no end of the stream.
TEST_P(RelayTlsTest, a_cut_without_close_notify_is_an_rst_for_both_ends) {
    for (const bool of_first : {true, false}) {
        Stream& stream = add_running(1'000);
        ::shutdown(stream.tls_side(of_first), SHUT_WR);
        EXPECT_TRUE(run_to_the_end());
        EXPECT_EQ(stream.client.end, End::rst);
        EXPECT_EQ(stream.service.end, End::rst);
    }
}

}  // namespace
}  // namespace inout::relay_test
