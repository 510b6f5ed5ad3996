#include "common/protocol/heartbeat.hpp"

#include <gtest/gtest.h>

namespace inout {
namespace {

using Action = Heartbeat::Action;
using namespace std::chrono_literals;

constexpr Clock::time_point kStart{1h};

/// The moments of the pings, and of death, if nothing was ever received.
TEST(Heartbeat, pings_at_its_interval_until_the_timeout) {
    Heartbeat heartbeat(2s, 20s, kStart);
    auto now = kStart;
    int pings = 0;
    while (true) {
        const auto step = heartbeat.step(now);
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
    Heartbeat heartbeat(0ms, 20s, kStart);
    EXPECT_EQ(heartbeat.step(kStart + 20s - 1ns).action, Action::wait);
    EXPECT_EQ(heartbeat.step(kStart + 20s).action, Action::dead);
}

TEST(Heartbeat, anything_received_starts_the_timeout_again) {
    Heartbeat heartbeat(2s, 20s, kStart);
    heartbeat.received(kStart + 19s);
    EXPECT_NE(heartbeat.step(kStart + 20s).action, Action::dead);
    EXPECT_NE(heartbeat.step(kStart + 39s - 1ns).action, Action::dead);
    EXPECT_EQ(heartbeat.step(kStart + 39s).action, Action::dead);
}

/// The original's proxy answers only every other Ping.
TEST(Heartbeat, survives_a_peer_that_answers_every_other_ping) {
    Heartbeat heartbeat(2s, 5s, kStart);
    auto now = kStart;
    for (int ping = 0; ping < 1'000;) {
        const auto step = heartbeat.step(now);
        ASSERT_NE(step.action, Action::dead) << "after " << ping << " pings";
        if (step.action == Action::ping && ++ping % 2 == 0) heartbeat.received(now);
        now = step.next;
    }
}

TEST(Heartbeat, without_an_interval_only_watches) {
    Heartbeat heartbeat(0ms, 60s, kStart);
    const auto step = heartbeat.step(kStart);
    EXPECT_EQ(step.action, Action::wait);
    EXPECT_EQ(step.next, kStart + 60s);
}

TEST(Heartbeat, looks_again_at_the_timeout_if_that_comes_before_the_next_ping) {
    Heartbeat heartbeat(15s, 20s, kStart);
    const auto step = heartbeat.step(kStart + 15s);
    EXPECT_EQ(step.action, Action::ping);
    EXPECT_EQ(step.next, kStart + 20s);
}

TEST(Heartbeat, a_late_look_sends_one_ping_not_those_missed) {
    Heartbeat heartbeat(2s, 60s, kStart);
    EXPECT_EQ(heartbeat.step(kStart + 31s).action, Action::ping);
    const auto step = heartbeat.step(kStart + 31s);
    EXPECT_EQ(step.action, Action::wait);
    EXPECT_EQ(step.next, kStart + 33s);
}

}  // namespace
}  // namespace inout
