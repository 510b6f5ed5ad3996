#include "common/rules/topic.hpp"

#include <gtest/gtest.h>

#include <string>

namespace inout::topic_test {
namespace {

using namespace std::string_literals;

std::string problem(const std::string& topic) { return check_topic(topic).value_or("fine"); }

TEST(Topic, any_printable_utf8_text_is_one) {
    for (const auto* topic :
         {"default", "a", "mysql.orders-2/eu", "数据库", "ßäø €", "emoji 🚀", " spaces "}) {
        EXPECT_EQ(problem(topic), "fine") << topic;
    }
}

TEST(Topic, has_1_to_255_bytes) {
    EXPECT_EQ(problem(""), "must not be empty");
    EXPECT_EQ(problem(std::string(255, 'x')), "fine");
    EXPECT_EQ(problem(std::string(256, 'x')), "must be at most 255 bytes long, not 256");
}

TEST(Topic, counts_bytes_not_characters) {
    std::string topic(254, 'x');
    EXPECT_EQ(problem(topic + "é"), "must be at most 255 bytes long, not 256");
}

TEST(Topic, must_be_well_formed_utf8) {
    struct Case {
        const char* name;
        std::string bytes;
    };
    for (const auto& [name, bytes] : {
             Case{"a continuation byte alone", "\x80"},
             Case{"two bytes cut short", "\xc3"},
             Case{"four bytes cut short", "\xf0\x9f\x91"},
             Case{"a lead byte before a letter", "\xe2\x82x"},
             Case{"overlong slash", "\xc0\xaf"},
             Case{"overlong in three bytes", "\xe0\x9f\xbf"},
             Case{"overlong in four bytes", "\xf0\x8f\xbf\xbf"},
             Case{"first surrogate", "\xed\xa0\x80"},
             Case{"last surrogate", "\xed\xbf\xbf"},
             Case{"above U+10FFFF", "\xf4\x90\x80\x80"},
             Case{"five-byte form", "\xf8\x88\x80\x80\x80"},
             Case{"byte that never occurs", "\xff"},
         }) {
        EXPECT_EQ(problem("ab" + bytes), "must be UTF-8, which it is not at byte 3") << name;
    }
}

TEST(Topic, may_use_the_ends_of_every_utf8_form) {
    for (const auto* topic : {"\xc2\xa1", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                              "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        EXPECT_EQ(problem(topic), "fine") << testing::PrintToString(std::string(topic));
    }
}

TEST(Topic, has_no_control_characters) {
    EXPECT_EQ(problem("a\0b"s), "must be printable, which U+0000 at byte 2 is not");
    EXPECT_EQ(problem("\n"), "must be printable, which U+000A at byte 1 is not");
    EXPECT_EQ(problem("\x1f"), "must be printable, which U+001F at byte 1 is not");
    EXPECT_EQ(problem("\x7f"), "must be printable, which U+007F at byte 1 is not");
    EXPECT_EQ(problem("\u0080"), "must be printable, which U+0080 at byte 1 is not");
    EXPECT_EQ(problem("é\u009f"), "must be printable, which U+009F at byte 3 is not");
}

TEST(Topic, has_nothing_that_rearranges_a_log_line) {
    for (const auto* mark : {"\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069"}) {
        EXPECT_TRUE(check_topic(mark)) << mark;
    }
    for (const auto* neighbour : {"\u2027", "\u2030", "\u205e", "\u2070"}) {
        EXPECT_EQ(problem(neighbour), "fine") << neighbour;
    }
}

TEST(Topic, has_nothing_that_can_not_be_seen) {
    EXPECT_EQ(problem("my\u200bsql"),
              "must be printable, which U+200B (zero width space) at byte 3 is not");
    EXPECT_EQ(problem("a\u00a0b"),
              "must be printable, which U+00A0 (no-break space) at byte 2 is not");
    for (const auto* unseen :
         {"\u00ad", "\u034f", "\u061c", "\u115f", "\u180e", "\u2003", "\u200d", "\u2060", "\u2800",
          "\u3000", "\u3164", "\ufe0f", "\ufeff", "\uffa0", "\U000e0041"}) {
        EXPECT_TRUE(check_topic(unseen)) << testing::PrintToString(std::string(unseen));
    }
}

}  // namespace
}  // namespace inout::topic_test
