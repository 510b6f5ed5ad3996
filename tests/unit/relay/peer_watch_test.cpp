// The judgement on simulated time; one connection with a kernel for the sample itself.
#include "common/relay/peer_watch.hpp"

#include <gtest/gtest.h>

#include "../loopback.hpp"

namespace inout::peer_watch_test {
namespace {

using namespace std::chrono_literals;

constexpr Milliseconds kTimeout = 30s;

/// A worker's sweeps, one a second, over a connection whose peer acknowledged last at `acked`.
class PeerWatchTest : public testing::Test {
  protected:
    bool sweep(unsigned unacked, unsigned probes = 0, unsigned unsent = 0) {
        now += kSweepInterval;
        const auto since = std::chrono::duration_cast<Milliseconds>(now - acked);
        return watch.dead(
            {.unacked = unacked, .unsent_bytes = unsent, .probes = probes, .last_ack = since}, now,
            kTimeout);
    }
    void acknowledge() { acked = now; }
    /// Sweeps until death; how long that took.
    Clock::duration time_to_death(unsigned unacked, unsigned probes) {
        const auto start = now;
        while (!sweep(unacked, probes)) {
            if (now - start > 1h) break;
        }
        return now - start;
    }

    PeerWatch watch;
    Clock::time_point now{24h}, acked = now;
};

TEST_F(PeerWatchTest, a_vanished_peer_is_found_within_the_timeout_and_one_sweep) {
    EXPECT_LE(time_to_death(1, 0), kTimeout + kSweepInterval);
    EXPECT_GE(now - acked, kTimeout);
}

TEST_F(PeerWatchTest, a_peer_that_acknowledges_is_alive_however_much_is_under_way) {
    for (int i = 0; i < 3'600; ++i) {
        ASSERT_FALSE(sweep(1'000)) << "after " << i << " s";
        if (i % 29 == 0) acknowledge();
    }
}

TEST_F(PeerWatchTest, an_idle_connection_is_never_dead) {
    for (int i = 0; i < 3'600; ++i) ASSERT_FALSE(sweep(0));
}

TEST_F(PeerWatchTest, sending_after_an_hour_of_silence_is_not_death) {
    now += 1h;
    EXPECT_FALSE(sweep(1)) << "the last acknowledgement is an hour old, rightly";
    EXPECT_FALSE(sweep(1));
    acknowledge();
    EXPECT_FALSE(sweep(0));
}

TEST_F(PeerWatchTest, silence_is_counted_from_the_first_unanswered_byte_of_each_burst) {
    for (int burst = 0; burst < 10; ++burst) {
        for (int i = 0; i < 20; ++i) ASSERT_FALSE(sweep(1));
        acknowledge();
        for (int i = 0; i < 300; ++i) ASSERT_FALSE(sweep(0));
    }
    EXPECT_GE(time_to_death(1, 0), kTimeout);
}

/// tcp(7): probes of a closed window are up to two minutes apart; a paused reader answers each.
TEST_F(PeerWatchTest, a_paused_reader_that_answers_a_probe_every_two_minutes_is_never_dead) {
    for (int probe = 0; probe < 60; ++probe) {
        for (int second = 0; second < 119; ++second) ASSERT_FALSE(sweep(0, 0, 100'000));
        ASSERT_FALSE(sweep(0, 1, 100'000)) << "the moment between a probe and its answer";
        acknowledge();
    }
}

TEST_F(PeerWatchTest, one_or_two_lost_probes_are_not_death) {
    for (int i = 0; i < 240; ++i) ASSERT_FALSE(sweep(0, i < 120 ? 1 : 2, 100'000));
    acknowledge();
    EXPECT_FALSE(sweep(0, 0, 100'000));
}

TEST_F(PeerWatchTest, three_lost_probes_and_the_timeout_are_death) {
    EXPECT_LE(time_to_death(0, 3), kTimeout + kSweepInterval);
}

TEST_F(PeerWatchTest, a_closed_connection_is_not_judged) {
    for (int i = 0; i < 100; ++i) {
        now += kSweepInterval;
        ASSERT_FALSE(watch.dead({.closed = true, .unacked = 1, .last_ack = 1h}, now, kTimeout));
    }
}

TEST(TcpSample, tells_what_the_peer_has_not_acknowledged) {
    TcpPair pair;
    EXPECT_TRUE(sample_tcp(pair.a.get()).all_acknowledged());
    const std::size_t sent = fill(pair.a.get());
    ASSERT_GT(sent, 0U);
    EXPECT_FALSE(sample_tcp(pair.a.get()).all_acknowledged()) << "the peer's window is full";
    EXPECT_EQ(drain(pair.b.get(), sent), sent);
    EXPECT_TRUE(eventually([&] { return sample_tcp(pair.a.get()).all_acknowledged(); }));
}

TEST(TcpSample, counts_a_fin_as_something_to_acknowledge) {
    TcpPair pair;
    const std::size_t sent = fill(pair.a.get());
    ::shutdown(pair.a.get(), SHUT_WR);
    EXPECT_FALSE(sample_tcp(pair.a.get()).all_acknowledged());
    EXPECT_EQ(drain(pair.b.get(), sent), sent);
    EXPECT_TRUE(eventually([&] { return sample_tcp(pair.a.get()).all_acknowledged(); }));
    EXPECT_FALSE(sample_tcp(pair.a.get()).closed) << "half-closed is not over";
}

TEST(TcpSample, says_that_a_reset_connection_is_closed) {
    TcpPair pair;
    EXPECT_FALSE(sample_tcp(pair.a.get()).closed);
    reset(pair.b);
    EXPECT_TRUE(eventually([&] { return sample_tcp(pair.a.get()).closed; }));
}

TEST(TcpSample, says_that_what_is_no_connection_is_closed) { EXPECT_TRUE(sample_tcp(-1).closed); }

TEST(ProgressWatch, is_stuck_when_the_same_amount_has_waited_for_the_whole_limit) {
    const Clock::time_point start{1h};
    ProgressWatch watch;
    EXPECT_FALSE(watch.stuck(7, true, start, 10s));
    EXPECT_FALSE(watch.stuck(7, true, start + 10s - 1ms, 10s));
    EXPECT_TRUE(watch.stuck(7, true, start + 10s, 10s));
    EXPECT_FALSE(watch.stuck(8, true, start + 11s, 10s)) << "it moves";
    EXPECT_FALSE(watch.stuck(8, false, start + 15s, 10s)) << "nothing waits";
    EXPECT_FALSE(watch.stuck(8, true, start + 20s, 10s)) << "it waits since then";
    EXPECT_TRUE(watch.stuck(8, true, start + 30s, 10s));
}

TEST(ProgressWatch, is_never_stuck_without_a_limit) {
    const Clock::time_point start{1h};
    ProgressWatch watch;
    EXPECT_FALSE(watch.stuck(7, true, start, 0ms));
    EXPECT_FALSE(watch.stuck(7, true, start + 1000h, 0ms));
}

}  // namespace
}  // namespace inout::peer_watch_test
