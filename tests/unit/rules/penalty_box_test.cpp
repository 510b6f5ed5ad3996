#include "common/rules/penalty_box.hpp"

#include <gtest/gtest.h>

#include "../sources.hpp"

namespace inout::penalty_box_test {
namespace {

using std::chrono::seconds;

constexpr Milliseconds kTick{1};

class PenaltyBoxTest : public testing::Test {
  protected:
    /// The failures that cost nothing.
    void use_up_free_failures(const IpAddress& from) {
        for (unsigned i = 0; i < kFreeFailures; ++i) {
            ASSERT_EQ(box_.failed(from, now_), Milliseconds{0});
            ASSERT_FALSE(box_.refuses(from, now_));
        }
    }

    PenaltyBox box_{3};
    IpAddress one_ = source(1), other_ = source(2);
    Clock::time_point now_{std::chrono::hours{1}};
};

TEST_F(PenaltyBoxTest, knows_nothing_of_who_never_failed) {
    EXPECT_FALSE(box_.refuses(one_, now_));
    EXPECT_EQ(box_.size(), 0U);
}

TEST_F(PenaltyBoxTest, ten_failures_cost_nothing_and_each_later_one_twice_the_one_before) {
    use_up_free_failures(one_);
    for (const int wanted_s : {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600}) {
        const auto penalty = box_.failed(one_, now_);
        ASSERT_EQ(penalty, seconds(wanted_s));
        EXPECT_TRUE(box_.refuses(one_, now_));
        EXPECT_TRUE(box_.refuses(one_, now_ + penalty - kTick));
        EXPECT_FALSE(box_.refuses(one_, now_ + penalty));
        now_ += penalty;
    }
}

TEST_F(PenaltyBoxTest, failures_during_a_penalty_change_nothing) {
    use_up_free_failures(one_);
    const auto began = now_;
    EXPECT_EQ(box_.failed(one_, now_), seconds(1));
    for (now_ += kTick; now_ < began + seconds(1); now_ += 100 * kTick) {
        EXPECT_EQ(box_.failed(one_, now_), Milliseconds{0});
    }
    EXPECT_FALSE(box_.refuses(one_, began + seconds(1)));
    EXPECT_EQ(box_.failed(one_, began + seconds(1)), seconds(2));
}

TEST_F(PenaltyBoxTest, one_source_does_not_pay_for_another) {
    use_up_free_failures(one_);
    box_.failed(one_, now_);
    EXPECT_FALSE(box_.refuses(other_, now_));
    EXPECT_EQ(box_.failed(other_, now_), Milliseconds{0});
}

TEST_F(PenaltyBoxTest, forgives_all_after_its_memory_and_not_a_tick_earlier) {
    use_up_free_failures(one_);
    box_.failed(one_, now_);
    now_ += kPenaltyMemory - kTick;
    EXPECT_EQ(box_.failed(one_, now_), seconds(2));
    now_ += kPenaltyMemory;
    use_up_free_failures(one_);
    EXPECT_EQ(box_.failed(one_, now_), seconds(1));
}

TEST_F(PenaltyBoxTest, forgives_though_older_records_are_still_to_be_dropped) {
    PenaltyBox box(100);
    for (unsigned i = 10; i < 30; ++i) box.failed(source(i), now_);
    for (unsigned i = 0; i <= kFreeFailures; ++i) box.failed(one_, now_);
    now_ += kPenaltyMemory;
    EXPECT_EQ(box.failed(one_, now_), Milliseconds{0});
    EXPECT_EQ(box.size(), 19U);  // each failure drops two
    for (int i = 0; i < 10; ++i) box.failed(one_, now_);
    EXPECT_EQ(box.size(), 1U);
}

TEST_F(PenaltyBoxTest, forgets_whose_last_failure_is_the_oldest_when_it_is_full) {
    use_up_free_failures(one_);
    use_up_free_failures(other_);
    box_.failed(source(3), now_ += kTick);
    box_.failed(one_, now_ += kTick);
    box_.failed(source(4), now_ += kTick);  // other_ has to go
    EXPECT_EQ(box_.size(), 3U);
    EXPECT_TRUE(box_.refuses(one_, now_));
    EXPECT_EQ(box_.failed(other_, now_), Milliseconds{0});
    EXPECT_EQ(box_.size(), 3U);
}

TEST(PenaltyBox, never_holds_more_sources_than_it_may) {
    PenaltyBox box;
    for (unsigned i = 0; i < 3; ++i) {
        for (unsigned number = 0; number < kPenaltySourcesMax; ++number) {
            IpAddress made = source(number);
            made.bytes[2] = static_cast<unsigned char>(i);
            box.failed(made, Clock::time_point{});
        }
        ASSERT_EQ(box.size(), kPenaltySourcesMax);
    }
}

}  // namespace
}  // namespace inout::penalty_box_test
