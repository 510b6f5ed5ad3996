#include "common/rules/heartbeat.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace inout::heartbeat_test {
namespace {

using Action = Heartbeat::Action;
using namespace std::chrono_literals;

constexpr Clock::time_point kStart{1h};

/// The moments of the pings, and of death, if nothing was ever received.
TEST(Heartbeat, pings_at_its_interval_until_the_timeout) {
    Heartbeat heartbeat(2s, 20s, kStart, 1);
    auto now = kStart;
    int pings = 0;
    while (true) {
        const auto step = heartbeat.step(now, 1);
        if (step.action == Action::dead) break;
        if (step.action == Action::ping) {
            EXPECT_EQ(now, kStart + 2s * ++pings);
        }
        ASSERT_GT(step.next, now) << "the next look is in the future";
        now = step.next;
    }
    EXPECT_EQ(now, kStart + 20s);
    EXPECT_EQ(pings, 9);
}

TEST(Heartbeat, is_not_dead_a_moment_before_the_timeout) {
    Heartbeat heartbeat(0ms, 20s, kStart, 1);
    EXPECT_EQ(heartbeat.step(kStart + 20s - 1ns, 1).action, Action::wait);
    EXPECT_EQ(heartbeat.step(kStart + 20s, 1).action, Action::dead);
}

TEST(Heartbeat, anything_received_starts_the_timeout_again) {
    Heartbeat heartbeat(2s, 20s, kStart, 1);
    heartbeat.received(kStart + 19s);
    EXPECT_NE(heartbeat.step(kStart + 20s, 1).action, Action::dead);
    EXPECT_NE(heartbeat.step(kStart + 39s - 1ns, 1).action, Action::dead);
    EXPECT_EQ(heartbeat.step(kStart + 39s, 1).action, Action::dead);
}

/// The original's proxy answers only every other Ping.
TEST(Heartbeat, survives_a_peer_that_answers_every_other_ping) {
    Heartbeat heartbeat(2s, 5s, kStart, 1);
    auto now = kStart;
    for (int ping = 0; ping < 1'000;) {
        const auto step = heartbeat.step(now, 1);
        ASSERT_NE(step.action, Action::dead) << "after " << ping << " pings";
        if (step.action == Action::ping && ++ping % 2 == 0) heartbeat.received(now);
        now = step.next;
    }
}

TEST(Heartbeat, without_an_interval_only_watches) {
    Heartbeat heartbeat(0ms, 60s, kStart, 1);
    const auto step = heartbeat.step(kStart, 1);
    EXPECT_EQ(step.action, Action::wait);
    EXPECT_EQ(step.next, kStart + 60s);
}

/// A 0.0.1 out announces nothing. One that pings every 90 s lives at the original's proxy.
TEST(Heartbeat, learns_how_rarely_a_peer_pings) {
    auto heartbeat = Heartbeat::learning(60s, kStart);
    EXPECT_NE(heartbeat.step(kStart + 23h, 0).action, Action::dead) << "nothing is known yet";
    auto now = kStart;
    for (int i = 0; i < 100; ++i) {
        now += 90s;
        ASSERT_NE(heartbeat.step(now, 0).action, Action::dead);
        heartbeat.received(now);
    }
    EXPECT_EQ(heartbeat.step(now + 270s - 1ns, 0).action, Action::wait);
    EXPECT_EQ(heartbeat.step(now + 270s, 0).action, Action::dead);
}

TEST(Heartbeat, allows_a_frequent_peer_at_least_what_is_configured) {
    auto heartbeat = Heartbeat::learning(60s, kStart);
    heartbeat.received(kStart + 2s);
    EXPECT_EQ(heartbeat.step(kStart + 62s - 1ns, 0).action, Action::wait);
    EXPECT_EQ(heartbeat.step(kStart + 62s, 0).action, Action::dead);
}

/// What is learned later brings the end forward, so it looks again before the patience is over.
TEST(Heartbeat, that_learns_looks_again_soon) {
    auto heartbeat = Heartbeat::learning(60s, kStart);
    EXPECT_EQ(heartbeat.step(kStart, 0).next, kStart + 60s);
    heartbeat.received(kStart + 1s);
    EXPECT_EQ(heartbeat.step(kStart + 60s, 0).next, kStart + 61s);
}

TEST(Heartbeat, one_endless_pause_teaches_no_more_than_a_day) {
    auto heartbeat = Heartbeat::learning(60s, kStart);
    heartbeat.received(kStart + 23h);
    EXPECT_EQ(heartbeat.step(kStart + 47h, 0).action, Action::dead);
}

TEST(Heartbeat, looks_again_at_the_timeout_if_that_comes_before_the_next_ping) {
    Heartbeat heartbeat(15s, 20s, kStart, 1);
    const auto step = heartbeat.step(kStart + 15s, 1);
    EXPECT_EQ(step.action, Action::ping);
    EXPECT_EQ(step.next, kStart + 20s);
}

TEST(Heartbeat, a_late_look_sends_one_ping_not_those_missed) {
    Heartbeat heartbeat(2s, 60s, kStart, 1);
    EXPECT_EQ(heartbeat.step(kStart + 31s, 1).action, Action::ping);
    const auto step = heartbeat.step(kStart + 31s, 1);
    EXPECT_EQ(step.action, Action::wait);
    EXPECT_EQ(step.next, kStart + 33s);
}

/// A thousand that begin in one moment, and one program's that wait in one loop.
TEST(Heartbeat, pings_of_a_crowd_spread_over_the_interval_and_are_never_late) {
    std::vector<Clock::duration> first, second;
    for (int i = 0; i < 1'000; ++i) {
        const double chance = i / 1'000.0;
        Heartbeat heartbeat(2s, 20s, kStart, chance);
        first.push_back(heartbeat.step(kStart, 1).next - kStart);
        Heartbeat paused(2s, 20s, kStart, 0);
        const auto step = paused.step(kStart + 5s, chance);
        ASSERT_EQ(step.action, Action::ping);
        second.push_back(step.next - (kStart + 5s));
    }
    const auto in_a_tenth_of_a_second = [](const std::vector<Clock::duration>& all) {
        std::map<long, int> counts;
        int most = 0;
        for (const auto at : all) most = std::max(most, ++counts[at / 100ms]);
        return most;
    };
    EXPECT_LE(in_a_tenth_of_a_second(first), 51);
    EXPECT_LE(in_a_tenth_of_a_second(second), 251) << "within the last fifth of the interval";
    EXPECT_LE(*std::max_element(first.begin(), first.end()), 2s);
    EXPECT_LE(*std::max_element(second.begin(), second.end()), 2s);
    EXPECT_GE(*std::min_element(second.begin(), second.end()), 1'600ms);
}

}  // namespace
}  // namespace inout::heartbeat_test
