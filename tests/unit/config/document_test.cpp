#include "common/config/document.hpp"

#include <gtest/gtest.h>

#include <string>

namespace inout::document_test {
namespace {

using Kind = JsonValue::Kind;
using namespace std::string_literals;

/// A compact spelling of a tree: what was read, without its places.
std::string spelled(const JsonValue& value) {
    std::string text;
    switch (value.kind) {
        case Kind::null: return "null";
        case Kind::boolean: return std::string(value.source);
        case Kind::number: return value.whole ? std::to_string(*value.whole) : "real";
        case Kind::string: return "'" + value.text + "'";
        case Kind::array:
            for (const auto& element : value.elements) text += spelled(element) + " ";
            return "[" + text + "]";
        case Kind::object:
            for (const auto& [key, source, member] : value.members) {
                text += key + "=" + spelled(member) + " ";
            }
            return "{" + text + "}";
    }
    return text;
}

/// The tree's spelling, or `offset: what is wrong`.
std::string parsed(const std::string& text) {
    const auto result = parse_json_document(text);
    if (result) return spelled(result.value());
    const auto& [where, what] = result.error();
    return std::to_string(where.data() - text.data()) + ": " + what;
}

TEST(JsonDocument, reads_every_kind_of_value) {
    EXPECT_EQ(parsed(R"({"a": [1, -2, 2.5, 1e3], "b": {"c": true, "d": false, "e": null}})"),
              "{a=[1 -2 real real ] b={c=true d=false e=null } }");
    EXPECT_EQ(parsed(" [ ] "), "[]");
    EXPECT_EQ(parsed("\t{\r\n}\n"), "{}");
}

TEST(JsonDocument, decodes_strings) {
    EXPECT_EQ(parsed(R"("a\"\\\/\u00e9\ud83d\ude00é")"), "'a\"\\/é😀é'");
    EXPECT_EQ(parsed(R"("// no /* comment */, ]")"), "'// no /* comment */, ]'");
}

TEST(JsonDocument, keeps_whole_numbers_apart_from_others) {
    EXPECT_EQ(parsed("9223372036854775807"), "9223372036854775807");
    EXPECT_EQ(parsed("-9223372036854775808"), "-9223372036854775808");
    EXPECT_EQ(parsed("9223372036854775808"), "real");
    EXPECT_EQ(parsed("99999999999999999999999"), "real");
    EXPECT_EQ(parsed("80.0"), "real");
}

TEST(JsonDocument, allows_comments_wherever_white_space_is) {
    EXPECT_EQ(parsed("// first\n{/**/\"a\"/* x */:// y\n1/* \n * z */,// w\r\n\"b\":2}//"),
              "{a=1 b=2 }");
    EXPECT_EQ(parsed("1/***/"), "1");
    EXPECT_EQ(parsed("/* // */1"), "1");
    EXPECT_EQ(parsed("// /*\n1"), "1");
}

TEST(JsonDocument, allows_one_comma_after_the_last_item) {
    EXPECT_EQ(parsed("[1,2,]"), "[1 2 ]");
    EXPECT_EQ(parsed("{\"a\":[{},], /* last */ }"), "{a=[{} ] }");
}

TEST(JsonDocument, refuses_other_superfluous_commas) {
    EXPECT_EQ(parsed("[,]"), "1: expected a value, found ','");
    EXPECT_EQ(parsed("[1,,2]"), "3: expected a value, found ','");
    EXPECT_EQ(parsed("[1,,]"), "3: expected a value, found ','");
    EXPECT_EQ(parsed("{,}"), "1: expected a key in double quotes or '}', found ','");
    EXPECT_EQ(parsed("{},"), "2: expected nothing more after the configuration, found ','");
}

TEST(JsonDocument, keeps_members_in_order_and_duplicates_among_them) {
    EXPECT_EQ(parsed(R"({"b":1,"a":2,"b":3})"), "{b=1 a=2 b=3 }");
    EXPECT_EQ(parsed(R"({"a":1,"\u0061":2})"), "{a=1 a=2 }");
}

TEST(JsonDocument, knows_where_everything_stands) {
    const std::string text = R"({"port" : [ 80, "x" ]})";
    const auto root = parse_json_document(text);
    ASSERT_TRUE(root);
    const auto offset = [&](std::string_view source) { return source.data() - text.data(); };
    const JsonMember& member = root.value().members.at(0);
    EXPECT_EQ(offset(root.value().source), 0);
    EXPECT_EQ(offset(member.source), 1);
    EXPECT_EQ(member.source, "\"port\"");
    EXPECT_EQ(offset(member.value.source), 10);
    EXPECT_EQ(offset(member.value.elements.at(0).source), 12);
    EXPECT_EQ(member.value.elements.at(0).source, "80");
    EXPECT_EQ(offset(member.value.elements.at(1).source), 16);
}

TEST(JsonDocument, says_what_it_expected_and_what_it_found) {
    EXPECT_EQ(parsed(""), "0: expected a value, found the end of the file");
    EXPECT_EQ(parsed(" // nothing"), "11: expected a value, found the end of the file");
    EXPECT_EQ(parsed("[1"), "2: expected ',' or ']', found the end of the file");
    EXPECT_EQ(parsed("[1 2]"), "3: expected ',' or ']', found '2'");
    EXPECT_EQ(parsed("[1}"), "2: expected ',' or ']', found '}'");
    EXPECT_EQ(parsed("{"), "1: expected a key in double quotes or '}', found the end of the file");
    EXPECT_EQ(parsed("{a:1}"), "1: expected a key in double quotes or '}', found 'a'");
    EXPECT_EQ(parsed("{'a':1}"),
              "1: expected a key in double quotes or '}', found ''': write \" instead");
    EXPECT_EQ(parsed("{\"a\" 1}"), "5: expected ':' after the key, found '1'");
    EXPECT_EQ(parsed("{\"a\":}"), "5: expected a value, found '}'");
    EXPECT_EQ(parsed("{\"a\":1 \"b\":2}"), "7: expected ',' or '}', found '\"'");
    EXPECT_EQ(parsed("{} x"), "3: expected nothing more after the configuration, found 'x'");
    EXPECT_EQ(parsed("[\xff\xfe]"), "1: expected a value, found the byte 0xff, which is not UTF-8");
    EXPECT_EQ(parsed("[\0]"s), "1: expected a value, found the control character U+0000");
}

TEST(JsonDocument, refuses_words_that_are_no_values) {
    for (const auto* word : {"tru", "True", "nul", "undefined", "NaN", "-", "01", "1.", ".5", "+1",
                             "0x10", "1e", "1e999", "1_000"}) {
        EXPECT_EQ(parsed(word), "0: "s + word +
                                    " is neither a number nor true, false or null; a string "
                                    "needs double quotes");
    }
}

TEST(JsonDocument, refuses_broken_strings) {
    const std::string open = ": the string has no closing quote on its line";
    EXPECT_EQ(parsed("[\"abc"), "1" + open);
    EXPECT_EQ(parsed("[\"abc\n\"]"), "1" + open);
    EXPECT_EQ(parsed("[\"abc\\"), "1" + open);
    EXPECT_EQ(parsed("[\"abc\\\n\"]"), "1" + open);
    EXPECT_EQ(parsed("{\"abc"), "1" + open);
    for (const auto& text : {"[\"\t\"]"s, "[\"\0\"]"s, R"(["\x41"])"s, R"(["\ud800"])"s,
                             R"(["\u12"])"s, "[\"\xff\"]"s, "[\"\xc0\xaf\"]"s}) {
        EXPECT_EQ(parsed(text),
                  "1: the string holds a control character, an unknown escape sequence or bytes "
                  "that are not UTF-8")
            << text;
    }
}

TEST(JsonDocument, refuses_a_comment_without_an_end) {
    EXPECT_EQ(parsed("{} /* x *"), "3: the comment has no end");
    EXPECT_EQ(parsed("/*/"), "0: the comment has no end");
    EXPECT_EQ(parsed("{ / }"), "2: expected a key in double quotes or '}', found '/'");
}

TEST(JsonDocument, bounds_the_depth) {
    const auto nested = [](std::size_t levels) {
        return std::string(levels, '[') + std::string(levels, ']');
    };
    EXPECT_EQ(parsed(nested(2)), "[[] ]");
    EXPECT_TRUE(parse_json_document(nested(kJsonDepthMax)));
    EXPECT_EQ(parsed(nested(kJsonDepthMax + 1)), "16: nested more than 16 levels deep");
    EXPECT_EQ(parsed(std::string(1'000'000, '[')), "16: nested more than 16 levels deep");
}

TEST(Shortened, keeps_short_texts_and_cuts_between_characters) {
    EXPECT_EQ(shortened(std::string(40, 'x')), std::string(40, 'x'));
    EXPECT_EQ(shortened(std::string(41, 'x')), std::string(37, 'x') + "…");
    EXPECT_EQ(shortened(std::string(36, 'x') + "ééé"), std::string(36, 'x') + "…");
}

}  // namespace
}  // namespace inout::document_test
