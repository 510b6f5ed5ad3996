#include "common/rules/topic_pattern.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "../naive_pattern.hpp"

namespace inout::topic_pattern_test {
namespace {

bool matches(const std::string& pattern, const std::string& topic) {
    return TopicPattern::parse(pattern).value().matches(topic);
}

std::string pattern_problem(const std::string& text) {
    const auto pattern = TopicPattern::parse(text);
    return pattern ? "fine" : pattern.error();
}

/// `count` times `word`, with dots between.
std::string repeated(const std::string& word, std::size_t count) {
    std::string text = word;
    for (std::size_t i = 1; i < count; ++i) text += "." + word;
    return text;
}

TEST(TopicPattern, without_wildcards_is_that_topic_only) {
    EXPECT_TRUE(matches("db.orders", "db.orders"));
    for (const auto* other : {"db", "db.orders.eu", "db.order", "db.orderss", "DB.orders",
                              "db.orders.", ".db.orders", "db orders", "db..orders"}) {
        EXPECT_FALSE(matches("db.orders", other)) << other;
    }
}

TEST(TopicPattern, a_star_is_exactly_one_word) {
    for (const auto* topic : {"db.orders", "db.*", "db.#", "db.a/b c", "db.数据库"}) {
        EXPECT_TRUE(matches("db.*", topic)) << topic;
    }
    for (const auto* topic : {"db", "db.orders.eu", "dbx.orders", ""}) {
        EXPECT_FALSE(matches("db.*", topic)) << topic;
    }
    EXPECT_TRUE(matches("*.orange.*", "quick.orange.rabbit"));
    EXPECT_FALSE(matches("*.orange.*", "quick.orange.male.rabbit"));
}

TEST(TopicPattern, a_hash_is_any_number_of_words) {
    for (const auto* topic : {"lazy", "lazy.fox", "lazy.orange.male.rabbit", "lazy."}) {
        EXPECT_TRUE(matches("lazy.#", topic)) << topic;
    }
    EXPECT_FALSE(matches("lazy.#", "lazyfox"));
    for (const auto* topic : {"a.z", "a.b.z", "a.z.z", "a.a.z", "a..z", "a.z.a.z"}) {
        EXPECT_TRUE(matches("a.#.z", topic)) << topic;
    }
    for (const auto* topic : {"a", "z", "a.", "a.z.y", "b.a.z"}) {
        EXPECT_FALSE(matches("a.#.z", topic)) << topic;
    }
    for (const auto* topic : {"x", ".", "a..b", "*", "#"})
        EXPECT_TRUE(matches("#", topic)) << topic;
}

TEST(TopicPattern, words_beside_a_hash_are_never_counted_twice) {
    EXPECT_FALSE(matches("a.#.a", "a"));
    EXPECT_TRUE(matches("a.#.a", "a.a"));
    EXPECT_FALSE(matches("a.b.#.b.c", "a.b.c"));
    EXPECT_FALSE(matches("*.#.*", "a"));
    EXPECT_TRUE(matches("*.#.*", "a.b"));
}

TEST(TopicPattern, an_empty_word_is_a_word) {
    EXPECT_TRUE(matches("a..b", "a..b"));
    EXPECT_TRUE(matches("a.*.b", "a..b"));
    EXPECT_TRUE(matches("a.*", "a."));
    EXPECT_TRUE(matches("*.a", ".a"));
    EXPECT_FALSE(matches("a.b", "a..b"));
    EXPECT_FALSE(matches("a..b", "a.b"));
}

TEST(TopicPattern, may_have_one_hash_and_32_words) {
    EXPECT_EQ(pattern_problem("#.a.#"), "may have one '#' only");
    EXPECT_EQ(pattern_problem("#.#"), "may have one '#' only");
    EXPECT_EQ(pattern_problem(repeated("*", 31) + ".#"), "fine");
    EXPECT_EQ(pattern_problem(repeated("a", 33)), "may have 32 words at most, not 33");
    EXPECT_EQ(pattern_problem(std::string(255, '.')), "may have 32 words at most, not 256");
}

TEST(TopicPattern, has_wildcards_as_whole_words_only) {
    for (const auto* text : {"db*", "*db", "a.b#.c", "##", "**", "*#", "a.#*", "a.* .b"}) {
        EXPECT_EQ(pattern_problem(text), "may have '*' and '#' as whole words only, as in db.*")
            << text;
    }
}

TEST(TopicPattern, obeys_the_rules_of_a_topic) {
    EXPECT_EQ(pattern_problem(""), "must not be empty");
    EXPECT_EQ(pattern_problem("db.\n"), "must be printable, which U+000A at byte 4 is not");
    EXPECT_EQ(pattern_problem(std::string(254, 'x') + ".#"),
              "must be at most 255 bytes long, not 256");
}

TEST(TopicPattern, keeps_its_text_and_equals_its_like) {
    const auto pattern = TopicPattern::parse("a.#.b").value();
    EXPECT_EQ(pattern.text(), "a.#.b");
    EXPECT_EQ(pattern, TopicPattern::parse("a.#.b").value());
    EXPECT_NE(pattern, TopicPattern::parse("a.b.#").value());
}

TEST(TopicPattern, of_several_any_may_match_and_of_none_no_one_does) {
    const std::vector<TopicPattern> patterns{TopicPattern::parse("ssh").value(),
                                             TopicPattern::parse("db.*").value()};
    EXPECT_TRUE(any_matches(patterns, "ssh"));
    EXPECT_TRUE(any_matches(patterns, "db.orders"));
    EXPECT_FALSE(any_matches(patterns, "web"));
    EXPECT_FALSE(any_matches({}, "ssh"));
}

TEST(TopicPattern, agrees_with_the_naive_matcher_on_random_words) {
    std::mt19937 random(4);
    // Few and repeated words, so that many match; wildcards are words of a topic like others.
    const auto text = [&](std::size_t words_max) {
        static const std::vector<std::string> kWords{"a", "a", "a", "b", "ab", "", "*", "#"};
        std::string made = kWords[random() % kWords.size()];
        for (std::size_t more = random() % words_max; more > 0; --more) {
            made += "." + kWords[random() % kWords.size()];
        }
        return made;
    };
    int matched = 0, differed = 0;
    for (int i = 0; i < 60'000; ++i) {
        const std::string pattern_text = text(6), topic = text(8);
        if (pattern_text.empty()) continue;
        const auto pattern = TopicPattern::parse(pattern_text);
        ASSERT_EQ(static_cast<bool>(pattern), naive::is_pattern(pattern_text)) << pattern_text;
        if (!pattern) continue;
        const bool wanted = naive::matches(naive::words_of(pattern_text), naive::words_of(topic));
        ASSERT_EQ(pattern->matches(topic), wanted) << pattern_text << " on " << topic;
        ++(wanted ? matched : differed);
    }
    EXPECT_GT(matched, 3'000);
    EXPECT_GT(differed, 3'000);
}

}  // namespace
}  // namespace inout::topic_pattern_test
