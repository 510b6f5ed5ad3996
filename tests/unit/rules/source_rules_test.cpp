// What a stranger gets by where it comes from, and what costs its source something.
#include "common/rules/source_rules.hpp"

#include <gtest/gtest.h>

#include "../sources.hpp"

namespace inout::source_rules_test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Treatment = SourceRules::Treatment;

class SourceRulesTest : public testing::Test {
  protected:
    void punish(const IpAddress& from) {
        for (unsigned i = 0; i <= kFreeFailures; ++i) rules_.failed(from, now_, false);
        ASSERT_TRUE(rules_.arrives(from, now_).is_penalised());
    }
    Treatment treatment() { return rules_.arrives(one_, now_).treatment; }

    SourceRules rules_{1'000};
    IpAddress one_ = source(1), other_ = source(2);
    Clock::time_point now_{hours{1}};
};

TEST_F(SourceRulesTest, whoever_comes_without_a_penalty_is_read_and_has_all_places) {
    const auto verdict = rules_.arrives(one_, now_);
    EXPECT_EQ(verdict.treatment, Treatment::read);
    EXPECT_EQ(verdict.places, 1'000U);
    EXPECT_FALSE(verdict.is_penalised() || verdict.turns);
}

TEST_F(SourceRulesTest, a_penalty_leaves_few_places_and_a_low_rate_of_reading) {
    punish(one_);
    EXPECT_EQ(rules_.arrives(one_, now_).places, 32U);
    for (unsigned i = 0; i < kPenalisedReadsBurst; ++i) {
        ASSERT_EQ(treatment(), Treatment::read) << i;
        rules_.failed(one_, now_, i % 2 == 0);
    }
    for (unsigned i = 0; i < kPlainReadsBurst; ++i) ASSERT_EQ(treatment(), Treatment::plain);
    EXPECT_EQ(treatment(), Treatment::drop);
    now_ += Milliseconds{1'000 / kPenalisedReads};
    EXPECT_EQ(treatment(), Treatment::read);
    EXPECT_EQ(rules_.arrives(other_, now_).places, 1'000U);
}

TEST_F(SourceRulesTest, a_right_proof_costs_nothing_and_forgives_all) {
    punish(one_);
    for (int i = 0; i < 1'000; ++i) ASSERT_EQ(treatment(), Treatment::read) << "nobody failed";
    rules_.came(one_);
    EXPECT_FALSE(rules_.arrives(one_, now_).is_penalised());
}

TEST_F(SourceRulesTest, where_somebody_is_known_nobody_is_refused_whatever_others_do_there) {
    rules_.came(one_);
    punish(one_);
    for (int i = 0; i < 10'000; ++i) {
        rules_.failed(one_, now_, true);
        const auto verdict = rules_.arrives(one_, now_);
        ASSERT_EQ(verdict.treatment, Treatment::read);
        ASSERT_EQ(verdict.places, 250U);
        ASSERT_TRUE(verdict.turns);
    }
    EXPECT_FALSE(rules_.has_turn(one_, now_));
    now_ += Milliseconds{1'000 / kKnownReads};
    EXPECT_TRUE(rules_.has_turn(one_, now_));
}

TEST_F(SourceRulesTest, only_failed_handshakes_take_the_turns_of_those_who_are_known) {
    rules_.came(one_);
    punish(one_);
    for (int i = 0; i < 10'000; ++i) rules_.failed(one_, now_, false);
    EXPECT_TRUE(rules_.has_turn(one_, now_)) << "what comes in the clear costs next to nothing";
    for (unsigned i = 0; i < kKnownReadsBurst; ++i) {
        ASSERT_TRUE(rules_.has_turn(one_, now_)) << i;
        rules_.failed(one_, now_, true);
    }
    EXPECT_FALSE(rules_.has_turn(one_, now_));
}

TEST_F(SourceRulesTest, it_stays_known_for_an_hour_after_the_last_one_has_left) {
    rules_.came(one_);
    rules_.came(one_);
    rules_.left(one_, now_);
    now_ += hours{24};
    punish(one_);
    EXPECT_TRUE(rules_.arrives(one_, now_).turns) << "one is here still";
    rules_.left(one_, now_);
    now_ += kKnownMemory - Milliseconds{1};
    punish(one_);
    EXPECT_TRUE(rules_.arrives(one_, now_).turns);
    now_ += kPenaltyMemory;
    punish(one_);
    EXPECT_FALSE(rules_.arrives(one_, now_).turns);
}

TEST_F(SourceRulesTest, all_penalised_sources_together_are_read_at_a_bounded_rate) {
    unsigned read = 0, plain = 0;
    for (unsigned i = 0; i < 2'000; ++i) {
        punish(source(i));
        const auto verdict = rules_.arrives(source(i), now_);
        if (verdict.treatment == Treatment::read) {
            ++read;
            rules_.failed(source(i), now_, true);
        }
        plain += verdict.treatment == Treatment::plain ? 1 : 0;
    }
    EXPECT_LE(read, 3 * kPenalisedReadsAllBurst) << "each is asked twice here";
    EXPECT_LE(plain, kPlainReadsAllBurst);
}

TEST_F(SourceRulesTest, handshakes_for_nothing_are_a_monitors_until_they_are_a_flood) {
    for (unsigned day = 0; day < 30; ++day) {
        for (unsigned i = 0; i < 86'400 / 10; i += 10) {
            ASSERT_TRUE(rules_.monitored(one_, now_ += seconds(10)));
        }
    }
    for (unsigned i = 0; i < kMonitorHandshakesBurst; ++i) rules_.monitored(one_, now_);
    for (unsigned i = 0; i <= kFreeFailures; ++i) EXPECT_FALSE(rules_.monitored(one_, now_));
    EXPECT_TRUE(rules_.arrives(one_, now_).is_penalised());
}

TEST(SourceRate, lets_a_burst_pass_and_then_its_rate_and_knows_a_bounded_number_of_sources) {
    SourceRate rate(2, 3, 100);
    Clock::time_point now{hours{1}};
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.count(source(1), now));
    EXPECT_FALSE(rate.count(source(1), now));
    EXPECT_TRUE(rate.is_full(source(1), now));
    EXPECT_FALSE(rate.is_full(source(2), now));
    now += Milliseconds{500};
    EXPECT_TRUE(rate.count(source(1), now));
    EXPECT_FALSE(rate.count(source(1), now));
    for (unsigned i = 0; i < 1'000; ++i) rate.count(source(i), now);
    EXPECT_EQ(rate.size(), 100U);
    now += seconds(10);
    for (unsigned i = 0; i < 100; ++i) rate.count(source(1), now += seconds(10));
    EXPECT_LE(rate.size(), 2U) << "who has not come lately is forgotten";
}

TEST(KnownSources, those_that_are_gone_are_bounded_and_the_one_that_left_first_goes_first) {
    KnownSources known(2);
    const Clock::time_point now{hours{1}};
    for (const unsigned each : {1U, 2U, 3U, 4U}) known.came(source(each));
    EXPECT_EQ(known.size(), 4U);
    for (const unsigned each : {1U, 2U, 3U}) known.left(source(each), now);
    EXPECT_FALSE(known.knows(source(1), now));
    EXPECT_TRUE(known.knows(source(2), now) && known.knows(source(3), now));
    EXPECT_TRUE(known.knows(source(4), now + hours{100})) << "here still";
    known.left(source(9), now);
    EXPECT_FALSE(known.knows(source(9), now)) << "it never came";
}

}  // namespace
}  // namespace inout::source_rules_test
