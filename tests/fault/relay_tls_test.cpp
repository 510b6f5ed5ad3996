// How streams are carried and end where legs are TLS, end-to-end sessions inside them included.
#include <gtest/gtest.h>

#include "chain.hpp"

namespace inout {
namespace {

constexpr std::size_t kMegabyte = 1'000'000;

std::string name_of(const testing::TestParamInfo<Path>& info) {
    switch (info.param) {
        case Path::one_tls_leg: return "one_tls_leg";
        case Path::two_tls_legs: return "two_tls_legs";
        case Path::end_to_end: return "end_to_end";
        case Path::end_to_end_in_tls: return "end_to_end_in_tls";
    }
    return {};
}

class RelayTlsTest : public ChainTest, public testing::WithParamInterface<Path> {
  protected:
    Chain& add(Faults faults = {}) { return ChainTest::add(GetParam(), faults); }
    /// The chain has come to rest: no call of any relay for a while.
    bool run_until_it_rests(const Chain& chain) {
        std::uint64_t calls = 0;
        return run_until([&, since = Clock::now()]() mutable {
            std::uint64_t now = chain.client.received + chain.service.received + chain.client.sent +
                                chain.service.sent;
            for (const auto& each : chain.calls) now += each->calls();
            if (now != calls) since = Clock::now();
            calls = now;
            return calls > 0 && Clock::now() - since > Milliseconds{100};
        });
    }
};
INSTANTIATE_TEST_SUITE_P(Paths, RelayTlsTest, testing::ValuesIn(kTlsPaths), name_of);

TEST_P(RelayTlsTest, carries_both_directions_and_ends_clean) {
    Chain& chain = add();
    chain.will_carry(5 * kMegabyte, 3 * kMegabyte);
    EXPECT_TRUE(run_to_the_end());
    expect_complete(chain, 5 * kMegabyte, 3 * kMegabyte);
}

TEST_P(RelayTlsTest, half_close_leaves_the_other_direction_open) {
    Chain& chain = add();
    chain.client.to_send = kMegabyte;
    chain.client.fin_after = true;
    EXPECT_TRUE(run_until([&] { return chain.service.end == End::fin; }));
    EXPECT_EQ(chain.client.end, End::none);
    chain.service.to_send = 2 * kMegabyte;
    chain.service.fin_after = true;
    EXPECT_TRUE(run_to_the_end());
    expect_complete(chain, kMegabyte, 2 * kMegabyte);
}

TEST_P(RelayTlsTest, rst_is_carried_in_both_directions) {
    for (const bool from_client : {true, false}) {
        Chain& chain = add();
        chain.client.to_send = chain.service.to_send = 1'000;
        EXPECT_TRUE(run_until(
            [&] { return chain.client.received == 1'000 && chain.service.received == 1'000; }));
        reset(from_client ? chain.client.fd : chain.service.fd);
        EXPECT_TRUE(run_to_the_end());
        EXPECT_EQ((from_client ? chain.service : chain.client).end, End::rst);
    }
}

TEST_P(RelayTlsTest, rst_after_a_half_close_is_still_an_rst) {
    Chain& chain = add();
    chain.client.fin_after = true;
    chain.service.to_send = 1'000;
    EXPECT_TRUE(
        run_until([&] { return chain.client.received == 1'000 && chain.service.end == End::fin; }));
    reset(chain.service.fd);
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(chain.client.end, End::rst);
}

TEST_P(RelayTlsTest, what_came_before_an_rst_is_delivered_before_it) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{16'384}, std::size_t{60'000}}) {
        Chain& chain = add();
        chain.client.to_send = size;
        EXPECT_TRUE(eventually([&] {
            chain.client.turn();
            return chain.client.sent == size &&
                   sample_tcp(chain.client.fd.get()).all_acknowledged();
        }));
        reset(chain.client.fd);
        EXPECT_TRUE(run_to_the_end());
        EXPECT_EQ(chain.service.received, size);
        EXPECT_FALSE(chain.service.corrupt);
        EXPECT_EQ(chain.service.end, End::rst);
    }
}

/// A FIN in the middle of TLS, as somebody on the path can forge it, is no end of the stream.
TEST_P(RelayTlsTest, a_cut_without_close_notify_is_an_rst_for_both_ends) {
    for (const bool of_first : {true, false}) {
        Chain& chain = add();
        chain.client.to_send = chain.service.to_send = 1'000;
        EXPECT_TRUE(run_until(
            [&] { return chain.client.received == 1'000 && chain.service.received == 1'000; }));
        ::shutdown(chain.tls_side(of_first), SHUT_WR);
        EXPECT_TRUE(run_to_the_end());
        EXPECT_EQ(chain.client.end, End::rst);
        EXPECT_EQ(chain.service.end, End::rst);
    }
}

TEST_P(RelayTlsTest, a_paused_reader_stops_the_sender_and_loses_nothing) {
    Chain& chain = add();
    chain.will_carry(60 * kMegabyte, 0);
    chain.service.reading = false;
    EXPECT_TRUE(run_until_it_rests(chain));
    EXPECT_LT(chain.client.sent, 60 * kMegabyte);
    chain.service.reading = true;
    EXPECT_TRUE(run_to_the_end());
    expect_complete(chain, 60 * kMegabyte, 0);
}

/// Who does not read may send all the same: each direction has its own back-pressure.
TEST_P(RelayTlsTest, a_direction_that_is_held_up_does_not_hold_the_other_one_up) {
    for (const bool client_reads : {false, true}) {
        Chain& chain = add();
        Peer& deaf = client_reads ? chain.service : chain.client;
        Peer& other = client_reads ? chain.client : chain.service;
        deaf.reading = false;
        other.to_send = 60 * kMegabyte;
        EXPECT_TRUE(run_until_it_rests(chain));
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
TEST_P(RelayTlsTest, an_end_behind_a_full_leg_arrives) {
    Chain& chain = add();
    chain.service.reading = false;
    chain.client.to_send = 100 * kMegabyte;
    EXPECT_TRUE(run_until_it_rests(chain));
    chain.client.to_send = chain.client.sent;
    chain.client.fin_after = chain.service.fin_after = true;
    EXPECT_TRUE(run_until_it_rests(chain));
    chain.service.reading = true;
    EXPECT_TRUE(run_to_the_end());
    expect_complete(chain, chain.client.sent, 0);
}

TEST_P(RelayTlsTest, an_idle_stream_makes_no_calls) {
    Chain& chain = add();
    chain.client.to_send = chain.service.to_send = 100'000;
    EXPECT_TRUE(run_until(
        [&] { return chain.client.received == 100'000 && chain.service.received == 100'000; }));
    EXPECT_TRUE(run_until_it_rests(chain)) << "something spins";
    chain.client.fin_after = true;
    EXPECT_TRUE(run_until([&] { return chain.service.end == End::fin; }));
    EXPECT_TRUE(run_until_it_rests(chain)) << "something spins after a half-close";
    chain.service.fin_after = true;
    EXPECT_TRUE(run_to_the_end());
}

TEST_P(RelayTlsTest, an_end_of_all_streams_is_an_rst_at_both_ends) {
    Chain& chain = add();
    chain.client.to_send = chain.service.to_send = 100 * kMegabyte;
    EXPECT_TRUE(run_until([&] { return chain.service.received > kMegabyte; }));
    chain.sets.front()->reset_all("drain timeout");
    EXPECT_TRUE(run_to_the_end());
    EXPECT_EQ(chain.client.end, End::rst);
    EXPECT_EQ(chain.service.end, End::rst);
}

}  // namespace
}  // namespace inout
