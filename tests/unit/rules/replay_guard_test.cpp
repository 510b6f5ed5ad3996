#include "common/rules/replay_guard.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace inout::replay_guard_test {
namespace {

using Verdict = ReplayGuard::Verdict;

constexpr Milliseconds kReplayTick{1};

ReplayGuard::Tag tag(unsigned number) {
    ReplayGuard::Tag made{};
    std::memcpy(made.data(), &number, sizeof number);
    return made;
}

class ReplayGuardTest : public testing::Test {
  protected:
    ReplayGuard guard_{4};
    Clock::time_point now_{std::chrono::hours{1}};
};

TEST_F(ReplayGuardTest, lets_a_proof_pass_once) {
    EXPECT_EQ(guard_.enter(tag(1), now_), Verdict::fresh);
    EXPECT_EQ(guard_.enter(tag(1), now_), Verdict::replayed);
    EXPECT_EQ(guard_.enter(tag(2), now_), Verdict::fresh);
    EXPECT_EQ(guard_.size(), 2U);
}

TEST_F(ReplayGuardTest, compares_all_bytes_of_a_tag) {
    ReplayGuard::Tag last_byte_differs = tag(1);
    last_byte_differs.back() = 1;
    EXPECT_EQ(guard_.enter(tag(1), now_), Verdict::fresh);
    EXPECT_EQ(guard_.enter(last_byte_differs, now_), Verdict::fresh);
}

TEST_F(ReplayGuardTest, keeps_a_proof_longer_than_it_could_be_accepted_again) {
    static_assert(ReplayGuard::kKept > 2 * kProofWindow);
    guard_.enter(tag(0), now_);  // begins a generation
    for (const auto offset :
         {Milliseconds{0}, ReplayGuard::kKept / 2, ReplayGuard::kKept - kReplayTick}) {
        ReplayGuard guard = guard_;
        guard.enter(tag(1), now_ + offset);
        EXPECT_EQ(guard.enter(tag(1), now_ + offset + ReplayGuard::kKept), Verdict::replayed);
    }
}

TEST_F(ReplayGuardTest, drops_a_proof_after_two_generations) {
    guard_.enter(tag(1), now_);
    guard_.enter(tag(2), now_ += ReplayGuard::kKept);
    EXPECT_EQ(guard_.enter(tag(1), now_ + ReplayGuard::kKept), Verdict::fresh);
    EXPECT_EQ(guard_.size(), 2U);
    EXPECT_EQ(guard_.enter(tag(3), now_ + 9 * ReplayGuard::kKept), Verdict::fresh);
    EXPECT_EQ(guard_.size(), 1U);
}

TEST_F(ReplayGuardTest, accepts_nothing_new_when_it_is_full_but_still_knows_the_old) {
    for (unsigned i = 0; i < 4; ++i) EXPECT_EQ(guard_.enter(tag(i), now_), Verdict::fresh);
    EXPECT_EQ(guard_.enter(tag(9), now_), Verdict::full);
    EXPECT_EQ(guard_.enter(tag(3), now_), Verdict::replayed);
    now_ += ReplayGuard::kKept;
    EXPECT_EQ(guard_.enter(tag(9), now_), Verdict::full);  // all four could still come again
    EXPECT_EQ(guard_.enter(tag(9), now_ + ReplayGuard::kKept), Verdict::fresh);
    EXPECT_EQ(guard_.size(), 1U);
}

TEST(ReplayGuard, never_lets_a_proof_pass_twice_in_its_time_over_random_histories) {
    std::mt19937 random(4);
    ReplayGuard guard;
    std::map<unsigned, Clock::time_point> passed;
    Clock::time_point now{};
    int again = 0, late = 0;
    for (int i = 0; i < 100'000; ++i) {
        now += Milliseconds{random() % 10'000};
        const auto number = static_cast<unsigned>(random() % 50);
        const bool could_come_again =
            passed.contains(number) && now <= passed[number] + ReplayGuard::kKept;
        const auto verdict = guard.enter(tag(number), now);
        if (could_come_again) {
            ASSERT_EQ(verdict, Verdict::replayed);
            ++again;
        }
        if (verdict == Verdict::fresh) {
            late += passed.contains(number) ? 1 : 0;
            passed[number] = now;
        }
    }
    EXPECT_GT(again, 1'000);
    EXPECT_GT(late, 1'000);
}

}  // namespace
}  // namespace inout::replay_guard_test
