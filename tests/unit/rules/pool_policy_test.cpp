// The policy on simulated time, driven by a pool that has no sockets.
#include "common/rules/pool_policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace inout::pool_policy_test {
namespace {

using namespace std::chrono_literals;

/// The bookkeeping of a pool: connections that were asked for arrive `latency` later.
class Pool {
  public:
    explicit Pool(PoolPolicy p, Milliseconds l = 5ms) : policy(std::move(p)), latency(l) { ask(); }

    void open() {
        if (parked > 0) {
            --parked;
        } else {
            ++waiting;
        }
        policy.stream_opened();
        ask();
    }

    void advance(Milliseconds by) {
        const auto until = now + by;
        while (!on_the_way.empty() && on_the_way.front() <= until) {
            now = on_the_way.front();
            on_the_way.pop_front();
            policy.arrived();
            if (waiting > 0) {
                --waiting;
            } else {
                ++parked;
            }
            ask();
        }
        now = until;
    }

    /// What the heartbeat does every few seconds.
    void tick() {
        parked -= policy.surplus(parked, now);
        ask();
    }

    void ask() {
        const std::size_t count = policy.request(parked, waiting, now);
        most_asked = std::max(most_asked, count);
        on_the_way.insert(on_the_way.end(), count, now + latency);
        most = std::max(most, parked + on_the_way.size());
    }

    PoolPolicy policy;
    Milliseconds latency;
    Clock::time_point now{1h};
    std::size_t parked = 0, waiting = 0;
    std::size_t most = 0;        // parked and on the way, ever
    std::size_t most_asked = 0;  // in one go, ever
    std::deque<Clock::time_point> on_the_way;
};

PoolPolicy ours(std::size_t min = 2, std::size_t max = 100) {
    return PoolPolicy(min, max, kPoolHardMax);
}

TEST(PoolPolicy, asks_for_the_minimum_at_first) {
    Pool pool(ours(5));
    EXPECT_EQ(pool.on_the_way.size(), 5U);
    pool.advance(5ms);
    EXPECT_EQ(pool.parked, 5U);
    EXPECT_EQ(pool.policy.unanswered(), 0U);
}

TEST(PoolPolicy, asks_for_nothing_while_all_is_there_or_under_way) {
    PoolPolicy policy = ours(5);
    const Clock::time_point now{1h};
    EXPECT_EQ(policy.request(0, 0, now), 5U);
    EXPECT_EQ(policy.request(0, 0, now), 0U);
    for (int i = 0; i < 5; ++i) policy.arrived();
    EXPECT_EQ(policy.request(5, 0, now), 0U);
}

TEST(PoolPolicy, a_stream_now_and_then_is_replaced_and_the_target_stays) {
    Pool pool(ours());
    for (int i = 0; i < 100; ++i) {
        pool.advance(10ms);
        EXPECT_EQ(pool.parked, 2U);
        pool.open();
        EXPECT_EQ(pool.on_the_way.size(), 1U);
    }
    EXPECT_EQ(pool.policy.target(), 2U);
}

TEST(PoolPolicy, a_burst_of_20_raises_the_target_to_20_and_not_further) {
    Pool pool(ours());
    pool.advance(1s);
    for (int i = 0; i < 20; ++i) pool.open();
    EXPECT_EQ(pool.waiting, 18U);
    EXPECT_EQ(pool.policy.target(), 20U);
    pool.advance(1s);
    EXPECT_EQ(pool.parked, 20U);
    EXPECT_EQ(pool.waiting, 0U);
    EXPECT_EQ(pool.policy.target(), 20U);
}

TEST(PoolPolicy, the_second_burst_finds_everything_parked) {
    Pool pool(ours());
    for (int burst = 0; burst < 10; ++burst) {
        pool.advance(1s);
        for (int i = 0; i < 20; ++i) pool.open();
        if (burst > 0) {
            EXPECT_EQ(pool.waiting, 0U);
        }
        EXPECT_EQ(pool.policy.target(), 20U) << "burst " << burst;
    }
}

/// Little's law: 800 opens a second and 5 ms for a replacement are 4 on the way at any time, so the
/// pool is never full, however long that goes on.
TEST(PoolPolicy, a_steady_load_does_not_make_the_pool_grow_without_end) {
    Pool pool(ours());
    for (int i = 0; i < 100'000; ++i) {
        pool.open();
        pool.advance(i % 4 == 0 ? 2ms : 1ms);
    }
    EXPECT_LE(pool.policy.target(), 10U);
    EXPECT_GE(pool.policy.target(), 4U);
    EXPECT_EQ(pool.waiting, 0U);
}

TEST(PoolPolicy, never_has_more_than_the_maximum_parked_and_on_the_way) {
    Pool pool(ours(2, 12));
    for (int i = 0; i < 500; ++i) {
        pool.open();
        if (i % 50 == 0) pool.advance(3ms);
    }
    EXPECT_EQ(pool.most, 12U);
    pool.advance(10s);
    EXPECT_EQ(pool.parked, 12U);
    EXPECT_EQ(pool.waiting, 0U);
}

TEST(PoolPolicy, with_a_single_connection_streams_are_served_one_after_the_other) {
    Pool pool(ours(1, 1));
    for (int i = 0; i < 30; ++i) pool.open();
    EXPECT_EQ(pool.on_the_way.size(), 1U);
    pool.advance(30 * pool.latency);
    EXPECT_EQ(pool.waiting, 0U);
    EXPECT_EQ(pool.most, 1U);
}

TEST(PoolPolicy, a_minimum_of_none_asks_only_when_somebody_comes) {
    Pool pool(ours(0));
    EXPECT_TRUE(pool.on_the_way.empty());
    pool.open();
    pool.advance(1s);
    EXPECT_EQ(pool.waiting, 0U);
}

TEST(PoolPolicy, a_plain_out_never_has_more_than_8_requests_to_answer) {
    Pool pool(PoolPolicy(2, 100, kLegacyUnansweredMax));
    for (int i = 0; i < 50; ++i) pool.open();
    EXPECT_EQ(pool.on_the_way.size(), 8U);
    for (int i = 0; i < 50; ++i) {
        pool.advance(1ms);
        EXPECT_LE(pool.on_the_way.size(), 8U);
    }
    pool.advance(1s);
    EXPECT_EQ(pool.waiting, 0U);
    EXPECT_EQ(pool.parked, pool.policy.target());
    EXPECT_LE(pool.most_asked, 8U);
}

TEST(PoolPolicy, a_request_without_an_answer_expires_after_5_seconds) {
    PoolPolicy policy = ours(3);
    const Clock::time_point now{1h};
    EXPECT_EQ(policy.request(0, 0, now), 3U);
    EXPECT_EQ(policy.request(0, 0, now + kRequestExpiry - 1ms), 0U);
    EXPECT_EQ(policy.request(0, 0, now + kRequestExpiry), 3U);
    EXPECT_EQ(policy.unanswered(), 3U);
}

TEST(PoolPolicy, a_waiting_stream_has_a_late_one_asked_for_again_once) {
    PoolPolicy policy = ours(0);
    const Clock::time_point now{1h};
    EXPECT_EQ(policy.request(0, 1, now), 1U);
    EXPECT_EQ(policy.request(0, 1, now + kWaitingExpiry - 1ms), 0U);
    EXPECT_EQ(policy.request(0, 1, now + kWaitingExpiry), 1U);
    EXPECT_EQ(policy.request(0, 1, now + 3 * kWaitingExpiry), 0U) << "out may just be slow";
    EXPECT_EQ(policy.unanswered(), 2U);
    EXPECT_EQ(policy.request(0, 1, now + kRequestExpiry), 1U) << "the first is forgotten";
    policy.arrived();
    policy.arrived();
    policy.arrived();  // all were only slow
    EXPECT_EQ(policy.unanswered(), 0U);
}

TEST(PoolPolicy, what_is_only_to_be_parked_is_not_asked_for_again_while_a_stream_waits) {
    PoolPolicy policy = ours(50);
    const Clock::time_point now{1h};
    EXPECT_EQ(policy.request(0, 1, now), 51U);
    std::size_t again = 0;
    for (auto at = now; at < now + kRequestExpiry; at += 100ms) again += policy.request(0, 1, at);
    EXPECT_EQ(again, 1U);
}

TEST(PoolPolicy, a_late_plain_out_is_asked_for_no_more_than_it_may_have_to_answer) {
    PoolPolicy policy(8, 100, kLegacyUnansweredMax);
    const Clock::time_point now{1h};
    EXPECT_EQ(policy.request(0, 4, now), kLegacyUnansweredMax);
    EXPECT_EQ(policy.request(0, 4, now + kRequestExpiry - 1ms), 0U);
}

TEST(PoolPolicy, a_connection_that_nobody_asked_for_breaks_no_count) {
    PoolPolicy policy = ours(1);
    policy.arrived();
    EXPECT_EQ(policy.request(1, 0, Clock::time_point{1h}), 0U);
    EXPECT_EQ(policy.unanswered(), 0U);
}

TEST(PoolPolicy, a_parked_connection_that_died_is_replaced) {
    Pool pool(ours(4));
    pool.advance(1s);
    --pool.parked;
    pool.ask();
    pool.advance(1s);
    EXPECT_EQ(pool.parked, 4U);
    EXPECT_EQ(pool.policy.target(), 4U);
}

TEST(PoolPolicy, the_target_falls_by_a_quarter_each_quiet_half_minute_down_to_the_minimum) {
    Pool pool(ours());
    pool.advance(1s);
    for (int i = 0; i < 20; ++i) pool.open();
    pool.advance(kPoolQuiet - 1ms);
    pool.tick();
    EXPECT_EQ(pool.policy.target(), 20U) << "not yet";
    pool.advance(1ms);
    pool.tick();
    EXPECT_EQ(pool.policy.target(), 20U) << "the half minute in which the burst came";
    for (const std::size_t expected : {15U, 12U, 9U, 7U, 6U, 5U, 4U, 3U, 2U, 2U}) {
        pool.advance(kPoolQuiet);
        pool.tick();
        EXPECT_EQ(pool.policy.target(), expected);
        EXPECT_EQ(pool.parked, expected) << "what is too much closes";
    }
}

TEST(PoolPolicy, the_target_stays_as_long_as_such_bursts_come) {
    Pool pool(ours());
    for (int minute = 0; minute < 20; ++minute) {
        pool.advance(1s);
        for (int i = 0; i < 20; ++i) pool.open();
        for (int i = 0; i < 15; ++i) {
            pool.advance(2s);
            pool.tick();
        }
        EXPECT_EQ(pool.policy.target(), 20U);
    }
}

}  // namespace
}  // namespace inout::pool_policy_test
