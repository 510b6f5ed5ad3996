#include "common/config/join.hpp"

#include <gtest/gtest.h>

#include <string>

namespace inout::join_test {
namespace {

Join some_join() {
    std::string digits;
    while (digits.size() < kNewKeyDigits) digits += "0123456789abcdef";
    return {{"relay.example.com", 40'001},
            "sha256/qE+VSmWBu3UR2zJlKvjXX8weBKY2Y5oVwZSx+1Lbztk=",
            "service",
            Secret(digits)};
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    text.replace(text.find(what), what.size(), by);
    return text;
}

std::string problem_of(const std::string& text) {
    const auto join = parse_join(text);
    return join ? "" : join.error();
}

TEST(Join, IsReadAsItWasWritten) {
    for (const HostPort& server : {HostPort{"relay.example.com", 40'001}, HostPort{"::1", 1},
                                   HostPort{"192.0.2.1", 65'535}}) {
        Join join = some_join();
        join.server = server;
        const std::string text = join_text(join);
        ASSERT_TRUE(is_join(text));
        const auto read = parse_join(text);
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(read->server, server);
        EXPECT_EQ(read->pin, join.pin);
        EXPECT_EQ(read->id, join.id);
        EXPECT_EQ(read->secret.bytes(), join.secret.bytes());
    }
}

TEST(Join, TheLongestOneIsNotTooLong) {
    Join join = some_join();
    join.server.host = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' +
                       std::string(63, 'c') + '.' + std::string(61, 'd');
    join.id = std::string(64, 'i');
    EXPECT_LT(join_text(join).size(), kJoinMaxBytes / 2);
    EXPECT_TRUE(parse_join(join_text(join)));
}

TEST(Join, APlainSecretIsNone) {
    EXPECT_FALSE(is_join(some_join().secret.bytes()));
    EXPECT_FALSE(is_join("{\"a secret\": \"that looks like JSON\"}"));
    EXPECT_FALSE(is_join(""));
    EXPECT_NE(problem_of("{}").find("is no join file"), std::string::npos);
}

TEST(Join, SaysWhatIsWrongWithoutTheSecret) {
    const std::string good = join_text(some_join());
    const struct {
        const char *what, *by, *said;
    } kCases[] = {
        {"\"inout_join\": 1", "\"inout_join\": 2", "is a join file of version 2, and this"},
        {"\"inout_join\": 1", "\"inout_join\": \"1\"", "has no whole number in \"inout_join\""},
        {"\"pin\"", "\"pim\"", "has \"pim\", which no join file has"},
        {"\"id\"", "\"pin\"", "has \"pin\" twice"},
        {"\"id\": \"service\",", "", "has no \"id\""},
        {"\"service\",\n", "7,\n", "\"id\" must be a string"},
        {"relay.example.com:40001\",\n", "relay.example.com\",\n", "\"server\" "},
        {"sha256/", "sha1/", "\"pin\" must be \"sha256/\""},
        {"\"service\",\n", "\"\",\n", "\"id\" must not be empty"},
        {"\"secret\": \"01", "\"secret\": \"", "\"secret\" must be 64 hexadecimal digits"},
        {"\"secret\": \"", "\"secret\" \"", "is damaged in line 7"},
        {"\n}", "", "is damaged in line 8"},
    };
    for (const auto& [what, by, said] : kCases) {
        const std::string problem = problem_of(replaced(good, what, by));
        EXPECT_EQ(problem.find(said), 0U) << problem;
        EXPECT_EQ(problem.find("0123456789"), std::string::npos) << problem;
    }
}

TEST(Join, IsBounded) {
    const std::string good = join_text(some_join());
    EXPECT_TRUE(parse_join(good + std::string(kJoinMaxBytes - good.size(), ' ')));
    EXPECT_NE(problem_of(good + std::string(kJoinMaxBytes, ' ')), "");
}

}  // namespace
}  // namespace inout::join_test
