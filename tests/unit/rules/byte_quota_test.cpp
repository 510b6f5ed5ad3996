#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "common/rules/byte_quota.hpp"

namespace inout::byte_quota_test {
namespace {

using Event = ByteQuota::Event;

constexpr std::int64_t kDay = 86'400'000;
/// 2026-11-30 23:59:59.999
const std::int64_t kEndOfNovember = begin_of_month((2026 - 1970) * 12 + 11) - 1;

class ByteQuotaTest : public testing::Test {
  protected:
    void limit(std::uint64_t bytes, QuotaPer per = QuotaPer::total) {
        quota.set_limit(ByteQuota::Limit{bytes, per});
    }
    /// Moves as much of it as is allowed.
    std::size_t move(std::size_t bytes, std::int64_t now = kEndOfNovember) {
        const std::size_t reserved = quota.reserve(bytes, now).bytes;
        quota.settle(reserved, reserved, now);
        return reserved;
    }

    std::vector<Event> events;
    ByteQuota quota{"key a", {}, [this](Event event) { events.push_back(event); }};
};

TEST(Months, are_those_of_the_calendar_in_utc) {
    EXPECT_EQ(month_of(0), 0);
    EXPECT_EQ(month_of(31 * kDay - 1), 0);
    EXPECT_EQ(month_of(31 * kDay), 1);
    EXPECT_EQ(begin_of_month(1), 31 * kDay);
    EXPECT_EQ(month_of(1'709'251'199'999), (2024 - 1970) * 12 + 1) << "2024-02-29 23:59:59.999";
    EXPECT_EQ(month_of(1'709'251'200'000), (2024 - 1970) * 12 + 2);
    EXPECT_EQ(month_of(kEndOfNovember) + 1, month_of(kEndOfNovember + 1));
    for (std::int64_t month = 0; month < 1'200; ++month) {
        EXPECT_EQ(month_of(begin_of_month(month)), month);
        EXPECT_EQ(month_of(begin_of_month(month) - 1), month - 1);
    }
}

TEST_F(ByteQuotaTest, gives_what_it_has_and_no_byte_more) {
    limit(1'000);
    EXPECT_EQ(move(600), 600U);
    EXPECT_EQ(move(600), 400U);
    const auto refused = quota.reserve(1, kEndOfNovember);
    EXPECT_EQ(refused.bytes, 0U);
    EXPECT_TRUE(refused.is_used_up);
    EXPECT_TRUE(quota.is_used_up(kEndOfNovember));
    EXPECT_EQ(quota.why(), "quota of key a is used up");
}

TEST_F(ByteQuotaTest, what_others_have_reserved_is_neither_there_nor_used) {
    limit(1'000);
    EXPECT_EQ(quota.reserve(800, kEndOfNovember).bytes, 800U);
    EXPECT_EQ(quota.reserve(800, kEndOfNovember).bytes, 200U);
    const auto later = quota.reserve(800, kEndOfNovember);
    EXPECT_EQ(later.bytes, 0U);
    EXPECT_FALSE(later.is_used_up);
    EXPECT_FALSE(quota.is_used_up(kEndOfNovember));
    quota.settle(800, 0, kEndOfNovember);
    EXPECT_EQ(quota.reserve(900, kEndOfNovember).bytes, 800U);
}

TEST_F(ByteQuotaTest, without_a_limit_it_only_counts) {
    EXPECT_EQ(move(5'000), 5'000U);
    EXPECT_FALSE(quota.is_used_up(kEndOfNovember));
    limit(4'000);
    EXPECT_TRUE(quota.is_used_up(kEndOfNovember));
    EXPECT_EQ(quota.state(kEndOfNovember).counted, 5'000U);
    limit(6'000);
    EXPECT_EQ(move(5'000), 1'000U);
}

TEST_F(ByteQuotaTest, a_month_begins_at_zero_and_the_total_goes_on) {
    limit(1'000, QuotaPer::month);
    EXPECT_EQ(move(5'000), 1'000U);
    EXPECT_TRUE(quota.is_used_up(kEndOfNovember));
    EXPECT_FALSE(quota.is_used_up(kEndOfNovember + 1));
    EXPECT_EQ(move(700, kEndOfNovember + 1), 700U);
    const auto state = quota.state(kEndOfNovember + 1);
    EXPECT_EQ(state.counted, 700U);
    EXPECT_EQ(state.used.total, 1'700U);
}

TEST_F(ByteQuotaTest, a_clock_that_is_set_back_gives_no_month_twice) {
    limit(1'000, QuotaPer::month);
    EXPECT_EQ(move(900, kEndOfNovember + 1), 900U);
    EXPECT_EQ(move(900, kEndOfNovember), 100U);
    EXPECT_TRUE(quota.is_used_up(kEndOfNovember - 400 * kDay));
    EXPECT_TRUE(quota.is_used_up(kEndOfNovember + 20 * kDay));
    EXPECT_EQ(move(900, kEndOfNovember + 40 * kDay), 900U);
}

TEST_F(ByteQuotaTest, tells_each_event_once_until_something_is_different) {
    limit(1'000, QuotaPer::month);
    move(899);
    EXPECT_TRUE(events.empty());
    move(1);
    move(50);
    EXPECT_EQ(events, (std::vector{Event::nearly}));
    move(500);
    EXPECT_EQ(events, (std::vector{Event::nearly, Event::used_up}));
    move(1);
    move(1);
    EXPECT_EQ(events, (std::vector{Event::nearly, Event::used_up, Event::refused}));
    events.clear();
    move(1'000, kEndOfNovember + 1);
    move(1, kEndOfNovember + 1);
    EXPECT_EQ(events, (std::vector{Event::used_up, Event::refused})) << "in the next month";
    events.clear();
    limit(2'000, QuotaPer::month);
    move(5'000, kEndOfNovember + 1);
    EXPECT_EQ(events, (std::vector{Event::used_up})) << "with a larger one";
}

TEST_F(ByteQuotaTest, a_closed_one_gives_nothing) {
    limit(1'000);
    quota.set_closed(true);
    EXPECT_TRUE(quota.reserve(1, kEndOfNovember).is_used_up);
    EXPECT_NE(quota.why().find("auth.quota_file"), std::string::npos);
    quota.set_closed(false);
    quota.set_used({.total = 300});
    EXPECT_EQ(move(1'000), 700U);
}

TEST_F(ByteQuotaTest, what_was_moved_without_asking_may_exceed_it) {
    limit(1'000);
    quota.charge(1'500, kEndOfNovember);
    EXPECT_TRUE(quota.is_used_up(kEndOfNovember));
    EXPECT_EQ(quota.state(kEndOfNovember).counted, 1'500U);
}

TEST(ByteQuotaThreads, many_of_them_move_exactly_what_it_has) {
    ByteQuota quota("key a", {}, [](Event) {});
    quota.set_limit(ByteQuota::Limit{1'000'000, QuotaPer::total});
    std::vector<std::thread> threads;
    std::vector<std::size_t> moved(4);
    for (std::size_t& each : moved) {
        threads.emplace_back([&quota, &each] {
            while (true) {
                const auto got = quota.reserve(997, kEndOfNovember);
                if (got.is_used_up) return;
                quota.settle(got.bytes, got.bytes / 2, kEndOfNovember);
                each += got.bytes / 2;
                if (got.bytes == 1) quota.charge(1, kEndOfNovember), ++each;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    std::size_t all = 0;
    for (const std::size_t each : moved) all += each;
    EXPECT_EQ(all, quota.state(kEndOfNovember).used.total);
    EXPECT_GE(all, 1'000'000U);
}

}  // namespace
}  // namespace inout::byte_quota_test
