#include "common/rules/retry_policy.hpp"

#include <gtest/gtest.h>

namespace inout::retry_policy_test {
namespace {

using namespace std::chrono_literals;

constexpr Clock::time_point kRetryStart{1h};
constexpr double kMiddle = 0.5;  // no jitter
constexpr bool kByPeer = true, kByTimeout = false;

TEST(RetryPolicy, waits_the_interval_give_or_take_a_fifth) {
    const RetryPolicy retry(2s);
    EXPECT_EQ(retry.wait(0), 1'600ms);
    EXPECT_EQ(retry.wait(kMiddle), 2'000ms);
    EXPECT_LE(retry.wait(0.999'999), 2'400ms);
    EXPECT_GE(retry.wait(0.999'999), 2'399ms);
}

TEST(RetryPolicy, one_quick_loss_is_not_contention) {
    RetryPolicy retry(2s);
    retry.registered(kRetryStart);
    EXPECT_FALSE(retry.lost(kRetryStart + 1s, kByPeer));
    EXPECT_EQ(retry.wait(kMiddle), 2s);
}

TEST(RetryPolicy, contention_doubles_the_wait_up_to_a_minute_and_warns_once) {
    RetryPolicy retry(2s);
    auto now = kRetryStart;
    const auto lose = [&] {
        retry.registered(now);
        now += 1s;
        return retry.lost(now, kByPeer);
    };
    EXPECT_FALSE(lose());
    EXPECT_TRUE(lose());
    EXPECT_EQ(retry.wait(kMiddle), 4s);
    for (const auto expected : {8s, 16s, 32s, 60s, 60s}) {
        EXPECT_FALSE(lose());
        EXPECT_EQ(retry.wait(kMiddle), expected);
    }
}

TEST(RetryPolicy, a_registration_that_lasted_a_minute_ends_contention) {
    RetryPolicy retry(2s);
    for (int i = 0; i < 5; ++i) {
        retry.registered(kRetryStart);
        retry.lost(kRetryStart + 1s, kByPeer);
    }
    retry.registered(kRetryStart);
    EXPECT_FALSE(retry.lost(kRetryStart + 60s, kByPeer));
    EXPECT_EQ(retry.wait(kMiddle), 2s);
    retry.registered(kRetryStart);
    EXPECT_FALSE(retry.lost(kRetryStart + 60s - 1ns, kByPeer)) << "counted from the beginning";
    retry.registered(kRetryStart);
    EXPECT_TRUE(retry.lost(kRetryStart + 60s - 1ns, kByPeer)) << "a new contention warns again";
}

TEST(RetryPolicy, a_silent_network_is_not_contention) {
    RetryPolicy retry(2s);
    for (int i = 0; i < 5; ++i) {
        retry.registered(kRetryStart);
        EXPECT_FALSE(retry.lost(kRetryStart + 20s, kByTimeout));
    }
    EXPECT_EQ(retry.wait(kMiddle), 2s);
}

TEST(RetryPolicy, an_interval_above_a_minute_is_never_shortened) {
    RetryPolicy retry(300s);
    for (int i = 0; i < 4; ++i) {
        retry.registered(kRetryStart);
        retry.lost(kRetryStart + 1s, kByPeer);
    }
    EXPECT_EQ(retry.wait(kMiddle), 300s);
}

}  // namespace
}  // namespace inout::retry_policy_test
