#include "common/cluster/message.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "common/cluster/cluster_limits.hpp"

namespace inout::cluster::message_test {
namespace {

Answer exact_answer() {
    return {.proxy = "p1", .address = "10.0.0.5:40001", .match = Match::exact, .running = 3};
}

TEST(ClusterMessage, is_plain_JSON) {
    EXPECT_EQ(encode(Question{"p1"}), R"({"v":1,"proxy":"p1"})");
    EXPECT_EQ(encode(exact_answer()),
              R"({"v":1,"proxy":"p1","match":"exact","address":"10.0.0.5:40001",)"
              R"("shared":0,"ready":1,"weight":1,"running":3})");
    EXPECT_EQ(encode(Answer{.proxy = "p1"}), R"({"v":1,"proxy":"p1","match":"none"})");
    EXPECT_EQ(encode(News{"p1", "db x.#"}), R"({"v":1,"proxy":"p1","pattern":"db%20x.#"})");
}

TEST(ClusterMessage, is_read_back) {
    EXPECT_EQ(decode_question(encode(Question{"p1"})), Question{"p1"});
    for (const Answer& answer : {exact_answer(), Answer{.proxy = "p1"},
                                 Answer{.proxy = "p",
                                 .address = "[2001:db8::1]:1",
                                 .match = Match::pattern,
                                 .pattern = "\"a\\.数据库.*.#",
                                 .shared = true,
                                 .ready = false,
                                 .weight = kWeightMax,
                                 .running = kRunningMax}}) {
        EXPECT_EQ(decode_answer(encode(answer)), answer);
    }
    EXPECT_EQ(decode_news(encode(News{"p1"})), News{"p1"});
    EXPECT_EQ(decode_news(encode(News{"p1", "*.#.a"})), (News{"p1", "*.#.a"}));
}

TEST(ClusterMessage, the_longest_is_within_its_bound) {
    std::string pattern;
    while (pattern.size() + 2 <= kTopicMaxBytes) pattern += "é";
    const Answer answer{.proxy = std::string(kNameMaxBytes, 'p'),
                        .address = std::string(63, 'a') + '.' + std::string(63, 'b') + '.' +
                                   std::string(63, 'c') + '.' + std::string(61, 'd') + ":65535",
                        .match = Match::pattern,
                        .pattern = pattern,
                        .weight = kWeightMax,
                        .running = kRunningMax};
    EXPECT_LE(encode(answer).size(), kMessageMaxBytes);
    EXPECT_EQ(decode_answer(encode(answer)), answer);
}

TEST(ClusterMessage, of_a_newer_proxy_may_say_more) {
    EXPECT_EQ(decode_question(R"({"v":1,"proxy":"p1","more":"x","n":4,"b":true,"z":null})"),
              Question{"p1"});
    EXPECT_EQ(decode_answer(R"({"v":1,"proxy":"p1","match":"none","weight":"x"})"), Answer{"p1"});
}

TEST(ClusterMessage, that_is_malformed_is_none) {
    for (const std::string body :
         {"", "{}", "1", "\"p1\"", "[]", "null", R"({"v":1})", R"({"proxy":"p1"})",
          R"({"v":2,"proxy":"p1"})", R"({"v":"1","proxy":"p1"})", R"({"v":1,"proxy":"a.b"})",
          R"({"v":1,"proxy":""})", R"({"v":1,"proxy":1})", R"({"v":1,"proxy":"p1"}x)",
          R"({"v":1,"proxy":"p1","x":{}})", R"({"v":1,"proxy":"p1","x":[]})",
          R"({"v":1,"proxy":"\u0070"})", R"({"v":1,"proxy":"p1")"}) {
        EXPECT_FALSE(decode_question(body)) << body;
        EXPECT_FALSE(decode_answer(body)) << body;
        EXPECT_FALSE(decode_news(body)) << body;
    }
    for (const std::string members :
         {R"("match":"exact")", R"("match":"best","address":"a:1")", R"("address":"a:1")",
          R"("match":"exact","address":"a")", R"("match":"exact","address":"a:0")",
          R"("match":"exact","address":"http://a:1")", R"("match":"pattern","address":"a:1")",
          R"("match":"pattern","address":"a:1","pattern":"a..b")",
          R"("match":"pattern","address":"a:1","pattern":"#.#")"}) {
        EXPECT_FALSE(decode_answer(R"({"v":1,"proxy":"p1",)" + members + "}")) << members;
    }
    EXPECT_FALSE(decode_news(R"({"v":1,"proxy":"p1","pattern":"%2A"})"));
    const std::string padding(kMessageMaxBytes, ' ');
    EXPECT_FALSE(decode_question(R"({"v":1,"proxy":"p1"})" + padding));
}

TEST(ClusterMessage, has_numbers_within_bounds) {
    const auto answer =
        decode_answer(R"({"v":1,"proxy":"p","match":"exact","address":"a:1","weight":0,)"
                      R"("running":-5,"ready":9,"shared":-1})");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->weight, 1U);
    EXPECT_EQ(answer->running, 0U);
    EXPECT_TRUE(answer->ready);
    EXPECT_FALSE(answer->shared);
    const auto most = decode_answer(R"({"v":1,"proxy":"p","match":"exact","address":"a:1",)"
                                    R"("weight":999999999999999999,"running":999999999999999999})");
    ASSERT_TRUE(most);
    EXPECT_EQ(most->weight, kWeightMax);
    EXPECT_EQ(most->running, kRunningMax);
}

TEST(ClusterMessage, that_was_garbled_is_none_or_within_the_rules) {
    std::mt19937 random(1);
    const std::string body = encode(Answer{
        .proxy = "p", .address = "a:1", .match = Match::pattern, .pattern = "a.*", .weight = 2});
    for (int i = 0; i < 100'000; ++i) {
        std::string garbled = body;
        for (int j = 0; j < 2; ++j) {
            garbled[random() % garbled.size()] = static_cast<char>(random() % 256);
        }
        const auto answer = decode_answer(garbled);
        if (!answer) continue;
        ASSERT_EQ(decode_answer(encode(*answer)), answer) << garbled;
    }
}

}  // namespace
}  // namespace inout::cluster::message_test
