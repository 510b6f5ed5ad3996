#include "common/protocol/code.hpp"

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

TEST(Code, words_are_those_of_the_protocol) {
    EXPECT_EQ(to_string(Code::none), "");
    EXPECT_EQ(to_string(Code::no_topic), "no_topic");
    EXPECT_EQ(to_string(Code::no_out), "no_out");
    EXPECT_EQ(to_string(Code::open_timeout), "open_timeout");
    EXPECT_EQ(to_string(Code::backend_refused), "backend_refused");
    EXPECT_EQ(to_string(Code::backend_timeout), "backend_timeout");
    EXPECT_EQ(to_string(Code::backend_unresolved), "backend_unresolved");
    EXPECT_EQ(to_string(Code::denied), "denied");
    EXPECT_EQ(to_string(Code::clock), "clock");
    EXPECT_EQ(to_string(Code::e2e), "e2e");
    EXPECT_EQ(to_string(Code::limit), "limit");
    EXPECT_EQ(to_string(Code::penalised), "penalised");
    EXPECT_EQ(to_string(Code::unready), "unready");
    EXPECT_EQ(to_string(Code::draining), "draining");
    EXPECT_EQ(to_string(Code::version), "version");
    EXPECT_EQ(to_string(Code::malformed), "malformed");
}

TEST(Code, is_unknown_for_any_other_word) {
    for (const auto* word : {"No_Topic", "no_topic ", "0", "unheard_of"}) {
        EXPECT_EQ(code_from(word), Code::unknown) << word;
    }
}

}  // namespace
}  // namespace inout
