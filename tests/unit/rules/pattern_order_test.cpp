#include "common/rules/pattern_order.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "common/rules/pattern_table.hpp"

namespace inout::pattern_order_test {
namespace {

std::string random_words(std::mt19937& random, const std::vector<std::string>& words) {
    std::string text;
    for (std::size_t i = 0, n = 1 + random() % 5; i < n; ++i) {
        if (i > 0) text += '.';
        text += words[random() % words.size()];
    }
    return text;
}

TEST(PatternOrder, is_a_word_then_one_word_then_any_from_the_left) {
    EXPECT_TRUE(is_more_specific("a.b", "a.b.#"));
    EXPECT_TRUE(is_more_specific("a.#.*.b", "a.#.b")) << "more words behind # come first";
    EXPECT_TRUE(is_more_specific("a.#.b.c", "a.#.*.c"));
    EXPECT_TRUE(is_more_specific("a.*", "a.#"));
    EXPECT_TRUE(is_more_specific("#.c", "#"));
    EXPECT_FALSE(is_more_specific("a.#", "a.#"));
}

TEST(PatternOrder, is_that_of_the_table_for_random_pairs) {
    std::mt19937 random(3);
    std::size_t pairs = 0;
    while (pairs < 20'000) {
        const auto p = TopicPattern::parse(random_words(random, {"a", "b", "*", "#"}));
        const auto q = TopicPattern::parse(random_words(random, {"a", "b", "*", "#"}));
        const std::string topic = random_words(random, {"a", "b"});
        if (!p || !q || p->text() == q->text() || !p->matches(topic) || !q->matches(topic)) {
            continue;
        }
        ++pairs;
        PatternTable<std::string> table;
        table.emplace(p->text(), p->text());
        table.emplace(q->text(), q->text());
        const bool is_first = *table.best(topic) == p->text();
        ASSERT_EQ(is_more_specific(p->text(), q->text()), is_first)
            << p->text() << " " << q->text() << " " << topic;
        ASSERT_NE(is_more_specific(q->text(), p->text()), is_first);
    }
}

}  // namespace
}  // namespace inout::pattern_order_test
