#include "common/open/attempt.hpp"

#include <gtest/gtest.h>

namespace inout::attempt_test {
namespace {

using Verdict = Attempt::Verdict;

const HostPort kServer{"proxy.test", 40001};
const NotOpened kNoAnswer{{Code::proxy_unreachable, "it ended the connection"}, false};
const NotOpened kRefused{{Code::no_topic, "no out serves topic db"}};

Attempt attempt(const NotOpened* failure, const Attempt::Facts& facts = {}) {
    return judge(failure, facts, kServer);
}

TEST(Attempt, opens_with_a_success) {
    EXPECT_EQ(attempt(nullptr).verdict, Verdict::open);
    EXPECT_EQ(attempt(nullptr, {.spare = true, .has_taken = true}).verdict, Verdict::open);
}

TEST(Attempt, that_is_refused_ends_with_what_was_answered_whatever_the_connection) {
    for (const bool spare : {false, true}) {
        const Attempt refused = attempt(&kRefused, {.spare = spare});
        EXPECT_EQ(refused.verdict, Verdict::failed);
        EXPECT_EQ(refused.reason.code, Code::no_topic);
        EXPECT_EQ(refused.reason.detail, "no out serves topic db");
        EXPECT_FALSE(refused.was_unanswered());
    }
}

TEST(Attempt, without_an_answer_is_made_again_only_if_it_was_on_a_spare_connection) {
    const Attempt on_spare = attempt(&kNoAnswer, {.spare = true});
    EXPECT_EQ(on_spare.verdict, Verdict::fresh);
    EXPECT_TRUE(on_spare.was_unanswered());
    EXPECT_EQ(on_spare.reason.detail, "it ended the connection");
    const Attempt on_fresh = attempt(&kNoAnswer);
    EXPECT_EQ(on_fresh.verdict, Verdict::unreachable);
    EXPECT_TRUE(on_fresh.was_unanswered());
    EXPECT_EQ(on_fresh.reason.code, Code::proxy_unreachable);
}

TEST(Attempt, that_has_taken_bytes_of_the_client_is_the_last_one) {
    const Attempt over =
        attempt(&kNoAnswer, {.spare = true, .has_taken = true, .has_passed = true});
    EXPECT_EQ(over.verdict, Verdict::unreachable);
    EXPECT_TRUE(over.was_unanswered());
}

TEST(Attempt, is_made_again_where_a_spare_connection_ended_and_nothing_was_begun_with_it) {
    NotOpened ended = {{Code::limit, "this connection has ended"}};
    ended.has_ended = true;
    const Attempt again = attempt(&ended, {.spare = true, .has_taken = true, .has_passed = true});
    EXPECT_EQ(again.verdict, Verdict::fresh);
    EXPECT_FALSE(again.was_unanswered()) << "it says nothing of others";
    EXPECT_EQ(attempt(&ended, {.has_taken = true}).verdict, Verdict::failed);
}

TEST(Attempt, may_go_elsewhere_as_long_as_no_byte_can_have_had_an_effect) {
    EXPECT_TRUE(attempt(&kRefused).elsewhere);
    EXPECT_FALSE(attempt(&kRefused, {.has_taken = true, .has_passed = true}).elsewhere);
    EXPECT_TRUE(attempt(&kRefused, {.has_taken = true}).elsewhere) << "taken, and kept here";
    NotOpened untouched = kRefused;
    untouched.untouched = true;
    EXPECT_TRUE(attempt(&untouched, {.has_taken = true, .has_passed = true}).elsewhere);
    EXPECT_TRUE(attempt(&kNoAnswer).elsewhere);
    EXPECT_FALSE(attempt(&kNoAnswer, {.has_taken = true, .has_passed = true}).elsewhere);
    EXPECT_FALSE(attempt(&kNoAnswer, {.timed_out = true}).elsewhere);
    EXPECT_FALSE(attempt(&kNoAnswer, {.client_reset = true}).elsewhere);
}

TEST(Attempt, goes_elsewhere_only_for_what_another_proxy_may_see_otherwise) {
    for (const Code code : {Code::denied, Code::draining, Code::limit, Code::backend_refused}) {
        const NotOpened refused{{code, "no"}};
        EXPECT_TRUE(attempt(&refused).elsewhere) << to_string(code);
    }
    for (const Code code : {Code::e2e, Code::clock, Code::version, Code::malformed, Code::quota}) {
        const NotOpened refused{{code, "no"}};
        EXPECT_FALSE(attempt(&refused).elsewhere) << to_string(code);
    }
}

TEST(Attempt, ends_when_the_client_has_reset_its_connection) {
    for (const NotOpened* failure :
         {static_cast<const NotOpened*>(nullptr), &kRefused, &kNoAnswer}) {
        const Attempt gone =
            attempt(failure, {.spare = true, .client_reset = true, .timed_out = true});
        EXPECT_EQ(gone.verdict, Verdict::failed);
        EXPECT_EQ(gone.reason.code, Code::client_gone);
        EXPECT_FALSE(gone.was_unanswered());
    }
}

TEST(Attempt, goes_on_for_what_a_client_has_sent_before_its_reset) {
    constexpr Attempt::Facts kSentThenReset{.client_reset = true, .has_taken = true};
    EXPECT_EQ(attempt(nullptr, kSentThenReset).verdict, Verdict::open);
    EXPECT_EQ(attempt(&kRefused, kSentThenReset).reason.code, Code::no_topic);
    EXPECT_EQ(attempt(&kNoAnswer, kSentThenReset).verdict, Verdict::unreachable);
}

TEST(Attempt, is_over_with_the_time_even_on_a_spare_connection_or_with_an_answer) {
    for (const NotOpened* failure :
         {static_cast<const NotOpened*>(nullptr), &kRefused, &kNoAnswer}) {
        const Attempt late = attempt(failure, {.spare = true, .timed_out = true});
        EXPECT_EQ(late.verdict, Verdict::failed);
        EXPECT_EQ(late.reason.code, Code::open_timeout);
        EXPECT_EQ(late.reason.detail,
                  "no answer from the proxy in time; is proxy.test:40001 an inout proxy?");
    }
}

}  // namespace
}  // namespace inout::attempt_test
