// The policy where connections come back after their streams, driven by a pool without sockets.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "common/rules/pool_policy.hpp"

namespace inout::pool_policy_lending_test {
namespace {

using namespace std::chrono_literals;

/// The bookkeeping of a pool whose connections can be lent: what was asked for arrives 5 ms later.
class Pool {
  public:
    explicit Pool(std::size_t least = 2, std::size_t most = 100)
        : min(least), max(most), policy(least, most, kPoolHardMax) {
        ask();
        advance(1s);
    }

    void open() {
        policy.stream_opened();
        if (parked > 0) {
            --parked;
            lend();
        } else {
            ++waiting;
        }
        ask();
    }
    void open(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) open();
    }
    /// A stream ends, and its connection comes back.
    void end() {
        --running;
        const bool wanted = policy.returned(parked);
        if (waiting > 0) {
            --waiting;
            lend();
        } else if (wanted) {
            ++parked;
        } else {
            ++closed;
        }
        ask();
    }
    void end_all() {
        while (running > 0) end();
    }
    /// A stream goes on by itself.
    void go_raw() {
        --running;
        policy.spent();
        ask();
    }

    void advance(Milliseconds by) {
        const auto until = now + by;
        while (!on_the_way.empty() && on_the_way.front() <= until) {
            now = on_the_way.front();
            on_the_way.pop_front();
            policy.arrived(true);
            if (waiting > 0) {
                --waiting;
                lend();
            } else if (parked < max) {
                ++parked;
            } else {
                ++closed;
            }
            ask();
        }
        now = until;
    }
    /// What the heartbeat does every few seconds.
    void tick() {
        const std::size_t surplus = policy.surplus(parked, now);
        closed += surplus;
        parked -= surplus;
        ask();
    }
    std::size_t there() const { return parked + running; }

    const std::size_t min, max;
    PoolPolicy policy;
    Clock::time_point now{1h};
    std::size_t parked = 0, waiting = 0, running = 0, asked = 0, closed = 0;

  private:
    void lend() {
        ++running;
        policy.lent();
    }
    void ask() {
        const std::size_t count = policy.request(parked, waiting, now);
        asked += count;
        on_the_way.insert(on_the_way.end(), count, now + 5ms);
        EXPECT_LE(parked, max);
        EXPECT_GE(parked + on_the_way.size(), std::min(min + waiting, max));
    }

    std::deque<Clock::time_point> on_the_way;
};

TEST(PoolPolicyLending, one_stream_after_the_other_needs_one_more_than_the_minimum_for_good) {
    Pool pool;
    for (int i = 0; i < 1'000; ++i) {
        pool.open();
        pool.advance(1ms);
        pool.end();
        pool.advance(1ms);
    }
    EXPECT_EQ(pool.asked, 3U);
    EXPECT_EQ(pool.parked, 3U);
    EXPECT_EQ(pool.closed, 0U);
}

TEST(PoolPolicyLending, a_steady_load_asks_for_nothing_once_it_runs) {
    Pool pool;
    pool.open(32);
    pool.advance(1s);
    EXPECT_EQ(pool.running, 32U);
    const std::size_t warm = pool.asked;
    EXPECT_EQ(warm, 34U);
    for (int i = 0; i < 100'000; ++i) {
        pool.end();
        if (i % 3 == 0) pool.advance(1ms);
        pool.open();
        if (i % 1'000 == 0) pool.tick();
    }
    EXPECT_EQ(pool.asked, warm);
    EXPECT_EQ(pool.closed, 0U);
    EXPECT_EQ(pool.parked, 2U);
}

TEST(PoolPolicyLending, after_a_burst_there_is_one_for_each_stream_of_it_beside_the_minimum) {
    Pool pool;
    pool.open(20);
    EXPECT_EQ(pool.waiting, 18U);
    pool.advance(1s);
    EXPECT_EQ(pool.running, 20U);
    EXPECT_EQ(pool.there(), 22U);
    for (int burst = 0; burst < 10; ++burst) {
        pool.end_all();
        EXPECT_EQ(pool.parked, 22U);
        pool.advance(1s);
        pool.open(20);
        EXPECT_EQ(pool.waiting, 0U);
    }
    EXPECT_EQ(pool.asked, 22U);
    EXPECT_EQ(pool.closed, 0U);
}

TEST(PoolPolicyLending, a_stream_that_waits_may_get_one_that_comes_back) {
    Pool pool;
    pool.open(3);
    EXPECT_EQ(pool.waiting, 1U);
    pool.end();
    EXPECT_EQ(pool.waiting, 0U);
    EXPECT_EQ(pool.running, 2U);
    pool.advance(1s);
    pool.end_all();
    EXPECT_LE(pool.parked, 5U);
    EXPECT_EQ(pool.there(), pool.asked - pool.closed);
}

TEST(PoolPolicyLending, those_that_never_come_back_are_replaced_one_by_one) {
    Pool pool;
    pool.open(10);
    pool.advance(1s);
    const std::size_t before = pool.asked;
    for (std::size_t gone = 1; gone <= 10; ++gone) {
        pool.go_raw();
        EXPECT_EQ(pool.asked, before + gone);
    }
    pool.advance(1s);
    EXPECT_EQ(pool.parked, 12U);
    EXPECT_EQ(pool.policy.target(), 12U);
    for (int i = 0; i < 100; ++i) {
        pool.open();
        pool.go_raw();
        pool.advance(1s);
        EXPECT_EQ(pool.parked, 12U);
    }
    EXPECT_EQ(pool.asked, before + 110);
}

TEST(PoolPolicyLending, of_a_mix_only_those_that_never_come_back_are_replaced) {
    Pool pool;
    pool.open(16);
    pool.advance(1s);
    const std::size_t before = pool.asked;
    std::size_t raw = 0;
    for (int i = 0; i < 10'000; ++i) {
        if (i % 10 == 0) {
            ++raw;
            pool.go_raw();
        } else {
            pool.end();
        }
        pool.open();
        pool.advance(1ms);
    }
    EXPECT_EQ(pool.asked, before + raw);
    EXPECT_EQ(pool.closed, 0U);
    EXPECT_EQ(pool.policy.target(), 18U);
}

TEST(PoolPolicyLending, after_quiet_times_only_the_minimum_is_left) {
    Pool pool;
    pool.open(20);
    pool.advance(1s);
    pool.end_all();
    for (int minutes = 0; minutes < 10; ++minutes) {
        for (int i = 0; i < 4; ++i) {
            pool.advance(kPoolQuiet / 2);
            pool.tick();
        }
    }
    EXPECT_EQ(pool.policy.target(), 2U);
    EXPECT_EQ(pool.parked, 2U);
    EXPECT_EQ(pool.asked, 22U);
}

TEST(PoolPolicyLending, streams_that_last_keep_theirs_and_the_minimum_beside_them) {
    Pool pool;
    pool.open(20);
    pool.advance(1s);
    for (int i = 0; i < 10; ++i) pool.end();
    EXPECT_EQ(pool.parked, 12U);
    for (int i = 0; i < 60; ++i) {
        pool.advance(kPoolQuiet / 2);
        pool.tick();
    }
    EXPECT_EQ(pool.policy.target(), 12U);
    EXPECT_EQ(pool.parked, 2U);
    pool.end_all();
    EXPECT_EQ(pool.parked, 12U);
    EXPECT_EQ(pool.asked, 22U);
}

TEST(PoolPolicyLending, more_streams_than_may_be_parked_neither_close_nor_ask_at_each_end) {
    Pool pool(2, 10);
    pool.open(50);
    pool.advance(1s);
    EXPECT_EQ(pool.running, 50U);
    // The load goes up and down by half of what may be parked.
    for (int i = 0; i < 10; ++i) pool.end();
    const std::size_t asked = pool.asked, closed = pool.closed;
    for (int round = 0; round < 100; ++round) {
        pool.open(5);
        pool.advance(10ms);
        for (int i = 0; i < 5; ++i) pool.end();
        pool.advance(10ms);
        pool.tick();
    }
    EXPECT_EQ(pool.asked, asked);
    EXPECT_EQ(pool.closed, closed);
    pool.end_all();
    EXPECT_EQ(pool.parked, 10U);
}

TEST(PoolPolicyLending, without_a_minimum_one_stream_after_the_other_has_one) {
    Pool pool(0);
    EXPECT_EQ(pool.asked, 0U);
    pool.open();
    pool.advance(1s);
    pool.end();
    const std::size_t asked = pool.asked;
    for (int i = 0; i < 100; ++i) {
        pool.open();
        EXPECT_EQ(pool.waiting, 0U);
        pool.end();
    }
    EXPECT_EQ(pool.asked, asked);
    EXPECT_GE(pool.parked, 1U);
}

TEST(PoolPolicyLending, where_nothing_may_be_parked_only_those_who_wait_are_counted) {
    PoolPolicy policy(2, 100, kPoolHardMax);
    const Clock::time_point now{1h};
    policy.arrived(true);
    policy.lent();
    EXPECT_EQ(policy.request(0, 0, now, false), 0U);
    policy.stream_opened();
    EXPECT_EQ(policy.request(0, 1, now, false), 1U);
}

TEST(PoolPolicyLending, one_that_comes_back_or_is_lost_twice_breaks_no_count) {
    Pool pool;
    pool.policy.spent();
    pool.policy.returned(pool.parked);
    pool.open();
    pool.advance(1s);
    pool.end();
    EXPECT_GE(pool.parked, 2U);
    EXPECT_LE(pool.there(), 4U);
}

/// The counts of the pool, which asserts at each step what may never be otherwise.
TEST(PoolPolicyLending, whatever_comes_the_minimum_is_there_or_asked_for_and_no_stream_waits_long) {
    for (unsigned seed = 0; seed < 20; ++seed) {
        std::mt19937 random(seed);
        Pool pool(seed % 4, 4 + seed);
        for (int i = 0; i < 5'000; ++i) {
            const unsigned what = random() % 16;
            if (what < 7) {
                if (pool.running + pool.waiting < 40) pool.open();
            } else if (what < 13) {
                if (pool.running > 0) pool.end();
            } else if (what == 13) {
                if (pool.running > 0) pool.go_raw();
            } else if (what == 14) {
                pool.advance(Milliseconds(random() % 10));
            } else {
                pool.tick();
            }
        }
        pool.advance(2s);
        EXPECT_EQ(pool.waiting, 0U) << "seed " << seed;
        EXPECT_LE(pool.policy.target(), 40 + seed % 4) << "seed " << seed;
        while (pool.running > 0) pool.end();
        for (int i = 0; i < 100; ++i) {
            pool.advance(kPoolQuiet);
            pool.tick();
        }
        EXPECT_EQ(pool.parked, pool.min) << "seed " << seed;
    }
}

}  // namespace
}  // namespace inout::pool_policy_lending_test
