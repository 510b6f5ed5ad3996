#include "common/base/log.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace inout::log::log_test {
namespace {

using namespace std::chrono_literals;

std::string line(Format format, const std::vector<Field>& fields) {
    return format_fields(format, "event", fields.data(), fields.size());
}
nlohmann::json json_line(const std::vector<Field>& fields) {
    return nlohmann::json::parse("{" + line(Format::json, fields) + "}", nullptr, false);
}

/// Every byte that is a character of its own, and some that take more.
std::string every_character() {
    std::string text;
    for (char c = 0; c < std::numeric_limits<char>::max(); ++c) text += c;
    return text + "\x7f é € 👩";
}

TEST(Log, text_is_the_event_and_name_equals_value) {
    EXPECT_EQ(line(Format::text, {}), "event");
    EXPECT_EQ(line(Format::text, {{"address", "127.0.0.1:40001"}, {"streams", 7}}),
              "event address=127.0.0.1:40001 streams=7");
}

TEST(Log, text_values_are_quoted_when_they_could_be_misread) {
    EXPECT_EQ(line(Format::text, {{"a", ""}}), R"(event a="")");
    EXPECT_EQ(line(Format::text, {{"a", "two words"}}), R"(event a="two words")");
    EXPECT_EQ(line(Format::text, {{"a", "x=y"}}), R"(event a="x=y")");
    EXPECT_EQ(line(Format::text, {{"a", "say \"hi\""}}), R"(event a="say \"hi\"")");
    EXPECT_EQ(line(Format::text, {{"a", "back\\slash"}}), R"(event a="back\\slash")");
    EXPECT_EQ(line(Format::text, {{"a", "数据库"}}), "event a=数据库");
}

TEST(Log, a_value_can_not_forge_a_line) {
    const std::string forged = "x\r\n2026-01-01T00:00:00.000Z error proxy stopped\x1b[31m";
    for (const Format format : {Format::text, Format::json}) {
        const std::string text = line(format, {{"reason", forged}});
        EXPECT_TRUE(std::none_of(text.begin(), text.end(), [](char c) {
            return (c >= 0 && c < 0x20) || c == 0x7f;
        })) << text;
    }
    EXPECT_EQ(line(Format::text, {{"a", "\n"}}), R"(event a="\u000a")");
}

TEST(Log, what_a_terminal_obeys_or_nobody_sees_is_escaped_and_what_is_not_utf8_a_question_mark) {
    const std::pair<std::string, std::string> cases[] = {
        {"\xc2\x9b", R"(\u009b)"},                         // the C1 form of ESC [
        {"a\xe2\x80\xaez", R"(a\u202ez)"},                 // right to left from here on
        {"\xe2\x80\x8b", R"(\u200b)"},                     // zero width space
        {"\xf3\xa0\x81\x81", R"(\udb40\udc41)"},           // U+E0041, a tag
        {"\xff\xfe", "??"},                                // never in UTF-8
        {"\xc3", "?"},                                     // cut off
        {"\xed\xa0\x80", "???"},                           // a surrogate
        {"\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac"},  // é and €
    };
    for (const auto& [text, shown] : cases) {
        EXPECT_EQ(line(Format::json, {{"a", text}}), R"("event":"event","a":")" + shown + '"');
        ASSERT_TRUE(json_line({{"a", text}}).is_object()) << "not JSON: " << shown;
    }
    EXPECT_EQ(line(Format::text, {{"a", "\xff"}}), R"(event a="?")");
    EXPECT_EQ(line(Format::text, {{"a", "\xe2\x80\x8b"}}), R"(event a="\u200b")");
}

TEST(Log, json_gives_every_text_back_as_it_was) {
    const std::string text = every_character();
    const auto object = json_line({{"topic", text}, {"empty", ""}});
    ASSERT_TRUE(object.is_object());
    EXPECT_EQ(object["event"], "event");
    EXPECT_EQ(object["topic"], text);
    EXPECT_EQ(object["empty"], "");
}

TEST(Log, json_keeps_numbers_and_texts_apart) {
    const auto object = json_line({{"port", 40'001},
                                   {"low", std::numeric_limits<long long>::min()},
                                   {"high", std::numeric_limits<std::uint64_t>::max()},
                                   {"text", "40001"}});
    EXPECT_EQ(object["port"], 40'001);
    EXPECT_EQ(object["low"], std::numeric_limits<long long>::min());
    EXPECT_EQ(object["high"], std::numeric_limits<std::uint64_t>::max());
    EXPECT_EQ(object["text"], "40001");
}

TEST(Log, json_members_stand_in_the_order_given) {
    EXPECT_EQ(line(Format::json, {{"z", 1}, {"a", "x"}}), R"("event":"event","z":1,"a":"x")");
}

/// One written line, as it reaches stderr.
std::string written(Format format, Level threshold, Level level) {
    testing::internal::CaptureStderr();
    start("proxy", threshold, format);
    const Field fields[] = {{"topic", "a \"b\""}, {"streams", 3}};
    write(level, "listening", fields, std::size(fields));
    flush(std::chrono::seconds(10));
    start("tests", Level::error, Format::text);
    return testing::internal::GetCapturedStderr();
}

TEST(Log, a_json_line_is_one_object_with_time_level_and_program) {
    const std::string text = written(Format::json, Level::info, Level::warning);
    const auto object = nlohmann::json::parse(text, nullptr, false);
    ASSERT_TRUE(object.is_object()) << text;
    EXPECT_EQ(object["level"], "warning");
    EXPECT_EQ(object["program"], "proxy");
    EXPECT_EQ(object["event"], "listening");
    EXPECT_EQ(object["topic"], "a \"b\"");
    EXPECT_EQ(object["streams"], 3);
    EXPECT_EQ(object["time"].get<std::string>().size(),
              std::string("2026-01-01T00:00:00.000Z").size());
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Log, a_text_line_ends_with_the_event_and_its_fields) {
    const std::string text = written(Format::text, Level::info, Level::error);
    EXPECT_TRUE(text.ends_with(" proxy listening topic=\"a \\\"b\\\"\" streams=3\n")) << text;
}

TEST(Log, lines_below_the_chosen_level_are_not_written) {
    EXPECT_EQ(written(Format::text, Level::warning, Level::info), "");
    EXPECT_NE(written(Format::text, Level::warning, Level::warning), "");
    EXPECT_NE(written(Format::text, Level::debug, Level::debug), "");
}

TEST(RateLimit, lets_one_line_through_per_interval_and_counts_the_others) {
    RateLimit limit(5s);
    const Clock::time_point start{1h};
    EXPECT_EQ(limit.pass(start), 0);
    EXPECT_EQ(limit.pass(start), -1);
    EXPECT_EQ(limit.pass(start + 5s - 1ns), -1);
    EXPECT_EQ(limit.pass(start + 5s), 2);
    EXPECT_EQ(limit.pass(start + 10s), 0);
}

}  // namespace
}  // namespace inout::log::log_test
