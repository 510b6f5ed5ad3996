// Plain JSON is read as the library reads it; everything else is left to the library.
#include "common/wire/plain_json.hpp"

#include <gtest/gtest.h>

#include "../json_events.hpp"

namespace inout::plain_json_test {
namespace {

TEST(PlainJson, plain_texts_give_the_librarys_events) {
    for (const auto* text :
         {"{}", "[]", "0", "-1", "\"\"", "true", "false", "null", " [ 1 , \"a\" ] ",
          R"({"a":{"b":[{},[],[[]],null]},"c":-0})", "999999999999999999", "{\"a\":1,\"a\":2}\n",
          R"({"Type":"Ping","Payload":{}})", "[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]"}) {
        EXPECT_EQ(is_plain_and_same(text), true) << text;
    }
}

TEST(PlainJson, what_is_not_plain_or_no_json_is_left_alone) {
    for (const auto* text : {"",         " ",
                             "{",        "[",
                             "]",        "}",
                             "[}",       "{]",
                             "[1,]",     "[,1]",
                             "[1 2]",    "{\"a\"}",
                             "{\"a\":}", "{\"a\":1,}",
                             "{a:1}",    "{1:1}",
                             "01",       "-",
                             "-01",      "+1",
                             "1.0",      "1e3",
                             "1E3",      "- 1",
                             "tru",      "truex",
                             "nul",      "\"a",
                             "\"\\n\"",  "\"\xc3\xa4\"",
                             "\"\x01\"", "\"\x7f\"",
                             "1 1",      "{}{}",
                             "'a'",      "1000000000000000000",
                             "// 1",     "\xef\xbb\xbf{}"}) {
        EXPECT_EQ(is_plain_and_same(text), false) << text;
    }
    EXPECT_EQ(is_plain_and_same(std::string(32, '[') + std::string(32, ']')), true);
    EXPECT_EQ(is_plain_and_same(std::string(33, '[') + std::string(33, ']')), false);
    EXPECT_EQ(is_plain_and_same(std::string_view("\"\0\"", 3)), false);
}

TEST(PlainJson, every_beginning_of_a_message_is_incomplete) {
    const std::string whole =
        R"({"Type":"Response","Payload":{"magic":"m","n":[1,-2,true],"ext":{"v":1}}})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(is_plain_and_same(whole.substr(0, size)), false) << size;
    }
    EXPECT_EQ(is_plain_and_same(whole), true);
}

}  // namespace
}  // namespace inout::plain_json_test
