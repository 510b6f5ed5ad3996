#include "proxy/activation.hpp"

#include <gtest/gtest.h>

namespace inout::proxy::activation_test {
namespace {

using Verdict = Activation::Verdict;

Message answer(std::string text, Code code, std::string request = "DataActiveRequest") {
    return Response{.request = std::move(request), .message = std::move(text), .code = code};
}
Verdict verdict(const Message& message, bool ext = true) {
    return judge(&message, false, ext).verdict;
}

/// What lives as long as a test.
const Message& kept(Response response) {
    static Message message;
    message = std::move(response);
    return message;
}

TEST(Activation, opens_with_a_success) {
    EXPECT_EQ(verdict(answer("", Code::none)), Verdict::open);
}

TEST(Activation, finds_a_connection_dead_that_ends_or_says_something_else) {
    EXPECT_EQ(judge(nullptr, false, true).verdict, Verdict::dead);
    EXPECT_EQ(verdict(Ping{}), Verdict::dead);
    EXPECT_EQ(verdict(answer("", Code::none, "InRequest")), Verdict::dead);
}

TEST(Activation, is_refused_when_nothing_comes_in_time) {
    const Activation activation = judge(nullptr, true, true);
    EXPECT_EQ(activation.verdict, Verdict::refused);
    EXPECT_EQ(activation.refusal.code, Code::open_timeout);
}

TEST(Activation, is_refused_with_what_out_says) {
    const Message no = answer("127.0.0.1:22: Connection refused", Code::backend_refused);
    const Activation activation = judge(&no, false, true);
    EXPECT_EQ(activation.verdict, Verdict::refused);
    EXPECT_EQ(activation.refusal.code, Code::backend_refused);
    EXPECT_EQ(activation.refusal.detail, "127.0.0.1:22: Connection refused");
    // An answer that came counts, however late it is.
    EXPECT_EQ(judge(&no, true, true).refusal.code, Code::backend_refused);
}

TEST(Activation, of_an_out_that_is_ending_is_for_the_next_but_not_on_the_word_of_anybody) {
    const Message ending = answer("out is ending", Code::draining);
    EXPECT_EQ(verdict(ending, true), Verdict::draining);
    EXPECT_EQ(verdict(ending, false), Verdict::dead);
}

TEST(Activation, tells_whether_out_has_begun_nothing) {
    Response ending{.request = "DataActiveRequest", .message = "no", .code = Code::draining};
    EXPECT_FALSE(judge(&kept(ending), false, true).untouched);
    ending.retry = true;
    const Activation next = judge(&kept(ending), false, true);
    EXPECT_EQ(next.verdict, Verdict::draining);
    EXPECT_TRUE(next.untouched);
    ending.code = Code::backend_refused;
    EXPECT_EQ(judge(&kept(ending), false, true).verdict, Verdict::refused);
}

TEST(Activation, on_a_connection_that_out_has_just_ended_is_for_the_next_one) {
    Response ended{.request = "none", .message = "ended", .code = Code::limit};
    EXPECT_EQ(judge(&kept(ended), false, true).verdict, Verdict::refused)
        << "the original names no request either";
    ended.retry = true;
    const Activation next = judge(&kept(ended), false, true);
    EXPECT_EQ(next.verdict, Verdict::dead);
    EXPECT_TRUE(next.untouched);
}

}  // namespace
}  // namespace inout::proxy::activation_test
