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

}  // namespace
}  // namespace inout::proxy::activation_test
