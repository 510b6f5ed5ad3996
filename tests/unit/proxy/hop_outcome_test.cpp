// What the answer of another proxy means for the stream, and for the directory.
#include "proxy/hop_outcome.hpp"

#include <gtest/gtest.h>

namespace inout::proxy::hop_outcome_test {
namespace {

using Outcome = cluster::Node::Outcome;

struct How {
    bool spare = false, passed = false, kept = true;
    bool client_reset = false, timed_out = false, silent = false;
};

HopOutcome outcome_of(const NotOpened* failure, const How& how = {}) {
    const Attempt attempt = judge(failure,
                                  {.spare = how.spare,
                                   .client_reset = how.client_reset,
                                   .has_taken = how.passed,
                                   .has_passed = how.passed,
                                   .timed_out = how.timed_out},
                                  HostPort{"b.test", 1});
    return judge_hop(failure, attempt, how.passed, how.kept, how.silent, "b.test:1");
}
NotOpened refusal(Code code, bool untouched = true) {
    return {.reason = {code, "as it says"}, .untouched = untouched};
}
const NotOpened kNoAnswer{{Code::proxy_unreachable, "it ended"}, false};

TEST(HopOutcome, open_is_open) {
    EXPECT_EQ(outcome_of(nullptr).outcome, Outcome::open);
    EXPECT_EQ(outcome_of(nullptr, {.passed = true, .kept = false}).outcome, Outcome::open);
}

TEST(HopOutcome, who_has_the_topic_no_more_is_forgotten_and_the_next_is_asked) {
    for (const Code code : {Code::no_topic, Code::no_out, Code::draining}) {
        const auto failure = refusal(code);
        const auto outcome = outcome_of(&failure, {.passed = true});
        EXPECT_EQ(outcome.outcome, Outcome::not_there) << to_string(code);
        EXPECT_TRUE(outcome.goes_on && outcome.untouched);
        EXPECT_FALSE(outcome.of_an_out);
    }
}

TEST(HopOutcome, an_exact_refusal_is_followed) {
    for (const Code code : {Code::backend_refused, Code::backend_timeout, Code::unready,
                            Code::backend_unresolved, Code::limit, Code::denied}) {
        const auto failure = refusal(code);
        const auto outcome = outcome_of(&failure, {.passed = true});
        EXPECT_EQ(outcome.outcome, Outcome::refused) << to_string(code);
        EXPECT_TRUE(outcome.goes_on && outcome.of_an_out);
        EXPECT_EQ(outcome.reason.code, code);
    }
}

TEST(HopOutcome, what_was_sent_goes_nowhere_else_but_by_the_word_of_who_has_got_it) {
    const auto inexact = refusal(Code::backend_refused, false);
    EXPECT_TRUE(outcome_of(&inexact).goes_on) << "nothing was sent";
    const auto outcome = outcome_of(&inexact, {.passed = true});
    EXPECT_FALSE(outcome.goes_on || outcome.untouched);
    const auto exact = refusal(Code::backend_refused);
    EXPECT_FALSE(outcome_of(&exact, {.passed = true, .kept = false}).goes_on) << "it is gone";
}

TEST(HopOutcome, a_final_refusal_is_final) {
    for (const Code code : {Code::e2e, Code::quota, Code::open_timeout}) {
        const auto failure = refusal(code);
        const auto outcome = outcome_of(&failure);
        EXPECT_EQ(outcome.outcome, Outcome::left) << to_string(code);
        EXPECT_FALSE(outcome.goes_on);
        EXPECT_EQ(outcome.reason.code, code);
    }
}

TEST(HopOutcome, no_answer_ends_the_stream_only_if_something_was_sent) {
    EXPECT_EQ(outcome_of(&kNoAnswer).outcome, Outcome::unreachable);
    EXPECT_TRUE(outcome_of(&kNoAnswer).goes_on);
    const auto lost = outcome_of(&kNoAnswer, {.passed = true});
    EXPECT_EQ(lost.outcome, Outcome::lost);
    EXPECT_FALSE(lost.goes_on || lost.untouched);
    const auto late = outcome_of(&kNoAnswer, {.timed_out = true});
    EXPECT_EQ(late.outcome, Outcome::lost);
    EXPECT_EQ(late.reason.code, Code::open_timeout);
}

TEST(HopOutcome, a_dead_spare_connection_says_nothing_about_its_proxy) {
    EXPECT_TRUE(outcome_of(&kNoAnswer, {.spare = true}).again);
    EXPECT_FALSE(outcome_of(&kNoAnswer, {.spare = true, .passed = true}).again);
    NotOpened ended = refusal(Code::limit);
    ended.has_ended = true;
    EXPECT_TRUE(outcome_of(&ended, {.spare = true, .passed = true}).again);
    const auto silent = outcome_of(&kNoAnswer, {.spare = true, .silent = true});
    EXPECT_FALSE(silent.again) << "a fresh one would be as silent";
    EXPECT_EQ(silent.outcome, Outcome::unreachable);
}

TEST(HopOutcome, how_the_proxies_quarrel_is_not_told_the_client_as_its_own_fault) {
    for (const Code code : {Code::clock, Code::penalised, Code::version, Code::malformed}) {
        const auto failure = refusal(code);
        const auto outcome = outcome_of(&failure);
        EXPECT_EQ(outcome.reason.code, Code::no_out) << to_string(code);
        EXPECT_TRUE(outcome.goes_on);
    }
}

TEST(HopOutcome, a_client_that_has_gone_blames_nobody) {
    EXPECT_EQ(outcome_of(&kNoAnswer, {.client_reset = true}).outcome, Outcome::left);
}

}  // namespace
}  // namespace inout::proxy::hop_outcome_test
