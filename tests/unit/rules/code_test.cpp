#include "common/rules/code.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace inout {
namespace {

TEST(Code, every_code_has_its_own_word_that_leads_back_to_it) {
    std::set<std::string_view> words;
    for (int i = 0; i <= static_cast<int>(Code::unknown); ++i) {
        const auto code = static_cast<Code>(i);
        EXPECT_EQ(code_from(to_string(code)), code) << to_string(code);
        EXPECT_TRUE(words.insert(to_string(code)).second) << to_string(code);
    }
}

TEST(Code, is_unknown_for_any_other_word) {
    for (const auto* word : {"No_Topic", "no_topic ", "0", "unheard_of"}) {
        EXPECT_EQ(code_from(word), Code::unknown) << word;
    }
}

}  // namespace
}  // namespace inout
