#include "common/config/text_hints.hpp"

#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"

namespace inout::text_hints_test {
namespace {

using namespace std::string_literals;
using config_problems::proxy;

std::string looks_like(const std::string& text) {
    const std::string problem = other_format(text).value_or("JSON");
    const std::string before = "this is not JSON: it looks like ";
    return problem.starts_with(before)
               ? problem.substr(before.size(), problem.find(';') - before.size())
               : problem;
}

TEST(OtherFormat, is_named_by_its_first_lines) {
    EXPECT_EQ(looks_like("# relay\nbind: 0.0.0.0\nport: 40001\n"), "YAML");
    EXPECT_EQ(looks_like("---\nnetworks:\n  - server_host: relay\n"), "YAML");
    EXPECT_EQ(looks_like("networks:\n"), "YAML");
    EXPECT_EQ(looks_like("[common]\nserver_addr = relay\nserver_port = 7000\n"), "an INI file");
    EXPECT_EQ(looks_like("; old\nbind=::\n"), "an INI file");
    EXPECT_EQ(looks_like("[client]\nremote_addr = \"relay:2333\"\n"), "TOML");
    EXPECT_EQ(looks_like("serverAddr = \"relay\"\n"), "TOML");
    EXPECT_EQ(looks_like("[[proxies]]\nname = \"ssh\"\n"), "TOML");
    EXPECT_EQ(looks_like("stream {\n  server {\n"), "a configuration of nginx");
    EXPECT_EQ(looks_like("listen 1234;\n"), "a configuration of nginx");
    EXPECT_EQ(looks_like("<config/>"), "XML or HTML");
    EXPECT_EQ(looks_like("-----BEGIN CERTIFICATE-----\n"), "a PEM file, a certificate or a key");
}

TEST(OtherFormat, is_not_seen_in_json_with_a_mistake) {
    for (const auto* text : {"{\"port\" 1}", "{port: 1}", "{\n  port: 1,\n}", "[1, 2", "port: 1,",
                             "{'port': 1}", "\"port\": 1", "// x\n{"}) {
        EXPECT_EQ(looks_like(text), "JSON") << text;
    }
}

TEST(OtherFormat, may_be_another_encoding_or_no_text) {
    EXPECT_EQ(looks_like("\xff\xfe{\0}\0"s), "this is UTF-16: save the file as UTF-8");
    EXPECT_EQ(looks_like("\xfe\xff\0{\0}"s), "this is UTF-16: save the file as UTF-8");
    EXPECT_EQ(looks_like("{\0}\0"s), "this is UTF-16: save the file as UTF-8");
    EXPECT_EQ(looks_like("\0{\0}"s), "this is UTF-16: save the file as UTF-8");
    EXPECT_EQ(looks_like("\xff\xfe\0\0{\0\0\0"s), "this is UTF-32: save the file as UTF-8");
    EXPECT_EQ(looks_like("\x1f\x8b\x08"s), "this is a gzip file: unpack it first");
    EXPECT_EQ(looks_like("\x7f"
                         "ELF\0\0"s),
              "this is no text");
    EXPECT_EQ(looks_like(""), "the file is empty");
    EXPECT_EQ(looks_like(" \r\n\n"), "the file is empty");
}

TEST(OtherFormat, is_said_instead_of_a_syntax_error) {
    EXPECT_EQ(proxy("bind: 0.0.0.0\n"),
              "f:1:1: this is not JSON: it looks like YAML; the programs read JSON only, "
              "{ \"key\": value, … }\n");
    EXPECT_EQ(proxy("\xff\xfe{\0}\0"s), "f:1:1: this is UTF-16: save the file as UTF-8\n");
    EXPECT_EQ(proxy(""), "f:1:1: the file is empty\n");
}

TEST(MistypedCharacters, are_named_with_what_belongs_there) {
    const auto expected_key = [](const std::string& found) {
        return "f:1:2: expected a key in double quotes or '}', found " + found + "\n";
    };
    EXPECT_EQ(proxy("{“port”: 1}"),
              expected_key("U+201C (left double quotation mark) “: write \" instead"));
    EXPECT_EQ(proxy("{'port': 1}"), expected_key("''': write \" instead"));
    EXPECT_EQ(proxy("{\u00a0\"port\": 1}"),
              expected_key("U+00A0 (no-break space): write an ordinary space instead"));
    EXPECT_EQ(proxy("{\u200b\"port\": 1}"),
              expected_key("U+200B (zero width space), which can not be seen: remove it"));
    EXPECT_EQ(proxy("{\ufeff\"port\": 1}"),
              expected_key("U+FEFF (byte order mark), which can not be seen: remove it"));
    EXPECT_EQ(proxy("{# port\n}"), expected_key("'#': a comment begins with //"));
    EXPECT_EQ(proxy("{\xff"), expected_key("the byte 0xff, which is not UTF-8"));
    EXPECT_EQ(proxy("{é"), expected_key("U+00E9 é"));
    EXPECT_EQ(proxy("{\"port\"：1}"),
              "f:1:8: expected ':' after the key, found U+FF1A (fullwidth colon) ：: write : "
              "instead\n");
    EXPECT_EQ(proxy("{\"port\": 1，\"bind\": \"::\"}"),
              "f:1:11: expected ',' or '}', found U+FF0C (fullwidth comma) ，: write , instead\n");
    EXPECT_EQ(proxy("{\"port\": ４}"),
              "f:1:10: expected a value, found U+FF14 ４: write 4 instead\n");
    EXPECT_EQ(proxy("｛}"),
              "f:1:1: expected a value, found U+FF5B (fullwidth left curly bracket) ｛: write { "
              "instead\n");
}

TEST(MistypedCharacters, at_the_end_of_a_string_are_named_too) {
    EXPECT_EQ(proxy("{\"bind”: \n1}"),
              "f:1:2: the string has no closing quote on its line: U+201D (right double quotation "
              "mark) is none, write \" instead\n");
    EXPECT_EQ(proxy("{\"bind\n1}"), "f:1:2: the string has no closing quote on its line\n");
}

}  // namespace
}  // namespace inout::text_hints_test
