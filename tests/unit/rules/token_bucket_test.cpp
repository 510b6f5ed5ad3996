#include <gtest/gtest.h>

#include <random>

#include "common/rules/token_bucket.hpp"

namespace inout::token_bucket_test {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr Clock::time_point kStart{std::chrono::hours(1)};
constexpr std::uint64_t kRates[] = {1'000, 12'345, 125'000, 12'500'000, 12'500'000'000};

/// Takes as much as it can for so long, a piece at a time, looking now and then.
std::uint64_t taken(TokenBucket& bucket, std::uint64_t piece, Clock::duration time) {
    std::mt19937 random(7);
    std::uint64_t all = 0;
    for (auto now = kStart; now < kStart + time;) {
        while (bucket.has(piece, now)) {
            bucket.spend(static_cast<std::int64_t>(piece), now);
            all += piece;
        }
        now = std::max(bucket.when(piece), now + std::chrono::microseconds(random() % 2'000));
    }
    return all;
}

TEST(TokenBucket, keeps_its_rate_in_the_long_run) {
    for (const std::uint64_t rate : kRates) {
        TokenBucket bucket(rate, kStart);
        const std::uint64_t piece = std::clamp<std::uint64_t>(rate / 500, 2'048, 262'144);
        const double expected =
            static_cast<double>(rate) * 100 + static_cast<double>(bucket.burst());
        const auto all = static_cast<double>(taken(bucket, piece, seconds(100)));
        EXPECT_LE(all, expected) << rate;
        EXPECT_GE(all, expected * 0.99 - static_cast<double>(piece)) << rate;
    }
}

TEST(TokenBucket, loses_nothing_to_rounding_however_small_the_pieces) {
    for (const std::uint64_t rate : {1'000U, 999'983U, 125'000'000U}) {
        TokenBucket bucket(rate, kStart);
        bucket.spend(static_cast<std::int64_t>(bucket.burst()), kStart);
        for (std::uint64_t i = 0; i < rate / 1'000; ++i) {
            for (int piece = 0; piece < 1'000; ++piece) bucket.spend(1, kStart);
        }
        const auto left = rate % 1'000;
        bucket.spend(static_cast<std::int64_t>(left), kStart);
        EXPECT_NEAR(static_cast<double>((bucket.when(0) - kStart).count()), 1e9, 2.0) << rate;
    }
}

TEST(TokenBucket, holds_no_more_than_a_burst) {
    TokenBucket bucket(1'000'000, kStart);
    EXPECT_EQ(bucket.burst(), 20'000U);
    const auto later = kStart + std::chrono::hours(1'000);
    EXPECT_TRUE(bucket.has(20'000, later));
    bucket.spend(20'000, later);
    EXPECT_FALSE(bucket.has(1, later));
    EXPECT_TRUE(bucket.has(1'000, later + Milliseconds{1}));
    EXPECT_EQ(TokenBucket(1'000, kStart).burst(), 16'384U);
}

TEST(TokenBucket, pays_a_debt_first) {
    TokenBucket bucket(1'000'000, kStart);
    bucket.spend(1'020'000, kStart);
    EXPECT_EQ(bucket.when(0), kStart + seconds(1));
    EXPECT_FALSE(bucket.has(1, kStart + seconds(1)));
    EXPECT_TRUE(bucket.has(1'000, kStart + Milliseconds{1'001}));
}

TEST(TokenBucket, takes_back_what_was_not_moved) {
    TokenBucket bucket(1'000'000, kStart);
    bucket.spend(20'000, kStart);
    bucket.spend(-5'000, kStart);
    EXPECT_TRUE(bucket.has(5'000, kStart));
    EXPECT_FALSE(bucket.has(5'001, kStart));
}

TEST(TokenBucket, another_rate_neither_gives_nor_takes) {
    TokenBucket bucket(1'000'000, kStart);
    bucket.spend(15'000, kStart);
    bucket.set_rate(2'000'000, kStart);
    EXPECT_TRUE(bucket.has(5'000, kStart));
    EXPECT_FALSE(bucket.has(5'001, kStart));
    bucket.spend(2'005'000, kStart);
    bucket.set_rate(1'000'000, kStart);
    EXPECT_EQ(bucket.when(0), kStart + seconds(2));
    for (const std::uint64_t rate : kRates) {
        bucket.set_rate(rate, kStart);
        EXPECT_GT(bucket.when(0), kStart) << rate;
    }
}

TEST(TokenBucket, the_largest_debts_at_all_rates_overflow_nothing) {
    for (const std::uint64_t rate : kRates) {
        TokenBucket bucket(rate, kStart);
        for (int i = 0; i < 1'000; ++i) bucket.spend(1'000'000'000, kStart);
        const double debt = 1e12 - static_cast<double>(bucket.burst());
        EXPECT_NEAR(std::chrono::duration<double>(bucket.when(0) - kStart).count(),
                    debt / static_cast<double>(rate), 1e-3);
        bucket.set_rate(12'500'000'000, kStart);
        EXPECT_NEAR(std::chrono::duration<double>(bucket.when(0) - kStart).count(), debt / 12.5e9,
                    1.0);
    }
}

}  // namespace
}  // namespace inout::token_bucket_test
