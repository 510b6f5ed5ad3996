#include "common/rules/reason.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace inout::reason_test {
namespace {

TEST(Code, every_code_has_its_own_word_and_those_that_are_sent_lead_back_to_it) {
    std::set<std::string_view> words;
    for (int i = 0; i <= static_cast<int>(Code::proxy_gone); ++i) {
        const auto code = static_cast<Code>(i);
        const bool is_sent = code <= Code::unknown;
        EXPECT_EQ(code_from(to_string(code)), is_sent ? code : Code::unknown) << to_string(code);
        EXPECT_TRUE(words.insert(to_string(code)).second) << to_string(code);
    }
}

TEST(Code, is_unknown_for_any_other_word_and_for_those_that_are_never_sent) {
    for (const auto* word : {"No_Topic", "no_topic ", "0", "unheard_of", "client_gone", "in_gone",
                             "proxy_gone", "proxy_unreachable"}) {
        EXPECT_EQ(code_from(word), Code::unknown) << word;
    }
}

}  // namespace
}  // namespace inout::reason_test
