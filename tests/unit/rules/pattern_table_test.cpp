// The most specific pattern of a topic, against a reading of the rule that sorts all that match.
#include "common/rules/pattern_table.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "../naive_pattern.hpp"

namespace inout::pattern_table_test {
namespace {

using Words = std::vector<std::string>;

int kind_of(const std::string& word) { return word == "#" ? 2 : word == "*" ? 1 : 0; }

/// Whether `a` is more specific than `b`, which matches the same topic.
bool is_before(const Words& a, const Words& b) {
    std::size_t at = 0;
    for (;; ++at) {
        if (at == a.size()) return true;  // the other goes on with `#`
        if (at == b.size()) return false;
        if (kind_of(a[at]) != kind_of(b[at])) return kind_of(a[at]) < kind_of(b[at]);
        if (a[at] == "#") break;
    }
    if (a.size() != b.size()) return a.size() > b.size();
    for (++at; at < a.size(); ++at) {
        if (kind_of(a[at]) != kind_of(b[at])) return kind_of(a[at]) < kind_of(b[at]);
    }
    return false;
}

TEST(PatternTable, prefers_the_more_specific_word_by_word_from_the_left) {
    // Each is preferred to all that follow.
    const std::vector<std::string> order{
        "a.b.c",   "a.b.c.#", "a.b.*",   "a.b.*.#", "a.b.#.c", "a.b.#", "a.*.c", "a.*.*",
        "a.*.#.c", "a.*.#",   "a.#.b.c", "a.#.b.*", "a.#.*.c", "a.#.c", "a.#.*", "a.#",
        "*.b.c",   "*.*.*.#", "*.#",     "#.a.b.c", "#.*.b.c", "#.b.c", "#.c",   "#"};
    PatternTable<std::size_t> table;
    for (std::size_t i = order.size(); i-- > 0;) {
        table.emplace(order[i], i);
        ASSERT_NE(table.best("a.b.c"), nullptr) << order[i];
        EXPECT_EQ(*table.best("a.b.c"), i) << order[i];
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
        EXPECT_EQ(*table.best("a.b.c"), i);
        table.erase(order[i]);
        EXPECT_EQ(table.find(order[i]), nullptr);
    }
    EXPECT_EQ(table.best("a.b.c"), nullptr);
    EXPECT_EQ(table.size(), 0U);
}

TEST(PatternTable, has_only_what_was_put_in) {
    PatternTable<int> table;
    table.emplace("a.*", 1);
    EXPECT_EQ(table.find("a"), nullptr);
    EXPECT_EQ(table.find("a.*.#"), nullptr);
    EXPECT_EQ(*table.find("a.*"), 1);
    table.erase("a.#");
    table.erase("a");
    EXPECT_EQ(table.size(), 1U);
    EXPECT_EQ(table.best("a"), nullptr);
    EXPECT_EQ(table.best("a.b.c"), nullptr);
    EXPECT_EQ(*table.best("a."), 1) << "an empty word is one";
}

TEST(PatternTable, takes_the_longest_topic) {
    PatternTable<int> table;
    table.emplace("#.", 1);
    EXPECT_EQ(*table.best(std::string(kTopicMaxBytes, '.')), 1);
}

TEST(PatternTable, agrees_with_the_naive_reading_on_random_patterns_and_topics) {
    std::mt19937 random(7);
    const auto text = [&](const Words& words, std::size_t words_max) {
        std::string made = words[random() % words.size()];
        for (std::size_t more = random() % words_max; more > 0; --more) {
            made += "." + words[random() % words.size()];
        }
        return made;
    };
    const Words of_patterns{"a", "a", "b", "", "*", "*", "#"}, of_topics{"a", "a", "b", "c", ""};
    int found = 0, missed = 0;
    for (int round = 0; round < 300; ++round) {
        PatternTable<std::string> table;
        std::map<std::string, Words> there;
        for (int step = 0; step < 60; ++step) {
            const std::string pattern = text(of_patterns, 6);
            if (there.contains(pattern)) {
                table.erase(pattern);
                there.erase(pattern);
            } else if (!pattern.empty() && naive::is_pattern(pattern)) {
                table.emplace(pattern, pattern);
                there.emplace(pattern, naive::words_of(pattern));
            }
            ASSERT_EQ(table.size(), there.size());
            const std::string topic = text(of_topics, 7);
            const std::string* best = nullptr;
            for (const auto& [each, words] : there) {
                if (!naive::matches(words, naive::words_of(topic))) continue;
                if (best == nullptr || is_before(words, there[*best])) best = &each;
            }
            const std::string* const got = table.best(topic);
            ASSERT_EQ(got != nullptr ? *got : "", best != nullptr ? *best : "") << topic;
            ++(got != nullptr ? found : missed);
        }
    }
    EXPECT_GT(found, 3'000);
    EXPECT_GT(missed, 1'000);
}

/// All topics of up to four words of two letters that matter and one that does not decide it.
TEST(TopicPattern, contains_another_if_it_matches_all_that_the_other_does) {
    const Words letters{"a", "b", "other"};
    std::vector<Words> topics, level{{}};
    for (int length = 1; length <= 5; ++length) {
        std::vector<Words> longer;
        for (const Words& words : level) {
            for (const std::string& letter : letters) {
                longer.push_back(words);
                longer.back().push_back(letter);
            }
        }
        topics.insert(topics.end(), longer.begin(), longer.end());
        level = std::move(longer);
    }
    std::vector<std::string> patterns;
    std::vector<std::string> made{""};
    for (int length = 1; length <= 3; ++length) {
        std::vector<std::string> longer;
        for (const std::string& text : made) {
            for (const char* word : {"a", "b", "*", "#"}) {
                longer.push_back((text.empty() ? "" : text + ".") + word);
            }
        }
        for (const std::string& text : longer) {
            if (naive::is_pattern(text)) patterns.push_back(text);
        }
        made = std::move(longer);
    }
    std::map<std::string, std::vector<bool>> matches;
    for (const std::string& text : patterns) {
        for (const Words& topic : topics) {
            matches[text].push_back(naive::matches(naive::words_of(text), topic));
        }
    }
    int contained = 0;
    for (const std::string& outer : patterns) {
        const auto parsed = TopicPattern::parse(outer).value();
        for (const std::string& inner : patterns) {
            bool wanted = true;
            for (std::size_t i = 0; i < topics.size(); ++i) {
                wanted = wanted && (!matches[inner][i] || matches[outer][i]);
            }
            ASSERT_EQ(parsed.contains(TopicPattern::parse(inner).value()), wanted)
                << outer << " and " << inner;
            contained += wanted ? 1 : 0;
        }
    }
    EXPECT_GT(contained, 200);
}

}  // namespace
}  // namespace inout::pattern_table_test
