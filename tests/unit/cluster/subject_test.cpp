#include "common/cluster/subject.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>

#include "../naive_pattern.hpp"
#include "common/cluster/cluster_limits.hpp"
#include "common/rules/topic.hpp"
#include "subject_filter.hpp"

namespace inout::cluster::subject_test {
namespace {

const Subjects kSubjects("c1");

/// Of few characters, so that dots, wildcards and percent signs meet.
std::string random_topic(std::mt19937& random) {
    static const std::vector<std::string> kParts = {".", ".", "a", "b",  "*", "#",      ">",
                                                    "%", " ", "2", "\"", "A", "数据库", "$"};
    std::string topic;
    const std::size_t parts = 1 + random() % 8;
    for (std::size_t i = 0; i < parts; ++i) topic += kParts[random() % kParts.size()];
    return topic;
}

/// What a client may publish to: printable, no wildcard, no empty token (NATS protocol).
bool is_publishable(std::string_view subject) {
    for (const auto& token : naive::words_of(subject)) {
        if (token.empty() || token == "*" || token == ">") return false;
    }
    return std::all_of(subject.begin(), subject.end(), [](char c) { return c > ' ' && c <= '~'; });
}

TEST(Subject, has_a_token_for_each_word) {
    EXPECT_EQ(kSubjects.lookup("db.orders"), "inout.c1.t.db.orders");
    EXPECT_EQ(kSubjects.news("db.orders"), "inout.c1.new.db.orders");
    EXPECT_EQ(kSubjects.lookup("a b.#.*.>"), "inout.c1.t.a%20b.%23.%2A.%3E");
    EXPECT_EQ(kSubjects.lookup(".a.."), "inout.c1.t.%.a.%.%");
    EXPECT_EQ(kSubjects.lookup("100%"), "inout.c1.t.100%25");
    EXPECT_EQ(kSubjects.lookup("é"), "inout.c1.t.%C3%A9");
}

TEST(Subject, is_read_back_whatever_the_topic) {
    std::mt19937 random(1);
    std::set<std::string> topics, subjects;
    for (int i = 0; i < 100'000; ++i) {
        const auto topic = random_topic(random);
        ASSERT_FALSE(check_topic(topic)) << topic;
        const auto subject = kSubjects.lookup(topic);
        ASSERT_TRUE(subject && is_publishable(*subject)) << topic;
        ASSERT_EQ(kSubjects.topic_of_lookup(*subject), topic);
        ASSERT_EQ(kSubjects.topic_of_news(*kSubjects.news(topic)), topic);
        topics.insert(topic);
        subjects.insert(*subject);
    }
    EXPECT_EQ(topics.size(), subjects.size());
}

TEST(Subject, that_we_do_not_write_is_no_topic) {
    for (const auto* tokens :
         {"",  ".",   "a.", ".a",  "a..b", "%2",  "%2g", "%2a", "%61", "a%2Eb", "*",
          ">", "a.>", "#",  "a b", "%00",  "%FF", "%%",  "a%",  "é",   "%C3",   "\""}) {
        EXPECT_FALSE(topic_of(tokens)) << tokens;
    }
    EXPECT_FALSE(topic_of(std::string(kSubjectMaxBytes + 1, 'a')));
    EXPECT_FALSE(kSubjects.topic_of_lookup("inout.c2.t.a"));
    EXPECT_FALSE(kSubjects.topic_of_lookup("inout.c1.new.a"));
    EXPECT_FALSE(kSubjects.topic_of_lookup("inout.c1.t"));
}

TEST(Subject, of_every_topic_fits_and_a_longer_one_is_none) {
    const Subjects longest(std::string(kNameMaxBytes, 'c'));
    for (const std::string part : {".", "a", "*", "\xc3\xa9"}) {
        std::string topic;
        while (topic.size() + part.size() <= kTopicMaxBytes) topic += part;
        ASSERT_TRUE(longest.lookup(topic)) << part;
        EXPECT_LE(longest.lookup(topic)->size(), kSubjectMaxBytes);
        EXPECT_EQ(longest.topic_of_lookup(*longest.lookup(topic)), topic);
    }
    EXPECT_FALSE(longest.lookup(std::string(kSubjectMaxBytes, 'a')));
    EXPECT_FALSE(longest.news(std::string(kSubjectMaxBytes, 'a')));
}

std::vector<std::string> filters_of(const std::string& pattern) {
    return kSubjects.lookups(TopicPattern::parse(pattern).value());
}

TEST(Subject, of_a_pattern_is_what_NATS_has_for_it) {
    using Filters = std::vector<std::string>;
    EXPECT_EQ(filters_of("db.*"), (Filters{"inout.c1.t.db.*"}));
    EXPECT_EQ(filters_of("db.#"), (Filters{"inout.c1.t.db", "inout.c1.t.db.>"}));
    EXPECT_EQ(filters_of("#"), (Filters{"inout.c1.t.>"}));
    EXPECT_EQ(filters_of("#.db"), (Filters{"inout.c1.t.>"}));
    EXPECT_EQ(filters_of("a.#.b.*"), (Filters{"inout.c1.t.a.>"}));
    EXPECT_EQ(filters_of("*.#"), (Filters{"inout.c1.t.*", "inout.c1.t.*.>"}));
    EXPECT_EQ(filters_of("a b.*"), (Filters{"inout.c1.t.a%20b.*"}));
    EXPECT_EQ(kSubjects.news(TopicPattern::parse("db.#").value()),
              (Filters{"inout.c1.new.db", "inout.c1.new.db.>"}));
}

TEST(Subject, of_a_pattern_hears_each_of_its_topics_once) {
    std::mt19937 random(2);
    int matched = 0;
    for (int i = 0; i < 200'000; ++i) {
        const auto pattern = TopicPattern::parse(random_topic(random));
        if (!pattern) continue;
        const auto topic = random_topic(random);
        const auto subject = *kSubjects.lookup(topic);
        int heard = 0;
        for (const auto& filter : kSubjects.lookups(*pattern)) heard += hears(filter, subject);
        ASSERT_LE(heard, 1) << pattern->text() << " " << topic;
        if (!pattern->matches(topic)) continue;
        ++matched;
        ASSERT_EQ(heard, 1) << pattern->text() << " " << topic;
    }
    EXPECT_GT(matched, 1'000);
}

TEST(Subject, of_a_pattern_in_a_message_is_read_back) {
    std::mt19937 random(3);
    for (int i = 0; i < 100'000; ++i) {
        const auto pattern = TopicPattern::parse(random_topic(random));
        if (!pattern) continue;
        const auto again = pattern_of(tokens_of(*pattern));
        ASSERT_TRUE(again) << pattern->text();
        ASSERT_EQ(again->text(), pattern->text());
    }
    for (const auto* tokens : {"", "a..b", "%2A", "%23", "#.#", "a*", ">", "%2a"}) {
        EXPECT_FALSE(pattern_of(tokens)) << tokens;
    }
}

TEST(Subject, of_an_answer_has_its_number) {
    EXPECT_EQ(kSubjects.answer("box", 7), "inout.c1.a.box.7");
    EXPECT_EQ(kSubjects.answers("box"), "inout.c1.a.box.*");
    EXPECT_EQ(kSubjects.number_of_answer("box", "inout.c1.a.box.18446744073709551615"), ~0ULL);
    for (const auto* subject : {"inout.c1.a.box.", "inout.c1.a.box.x", "inout.c1.a.box.-1",
                                "inout.c1.a.box.1.2", "inout.c1.a.bo.1", "inout.c1.a.box",
                                "inout.c1.a.box.18446744073709551616", "inout.c1.a.box.1 "}) {
        EXPECT_FALSE(kSubjects.number_of_answer("box", subject)) << subject;
    }
}

TEST(Subject, has_names_of_one_token) {
    for (const auto* name : {"a", "A-9_z"}) EXPECT_TRUE(is_name(name)) << name;
    for (const auto* name : {"", "a.b", "*", ">", "a b", "é", "a%"}) EXPECT_FALSE(is_name(name));
    EXPECT_TRUE(is_name(std::string(kNameMaxBytes, 'a')));
    EXPECT_FALSE(is_name(std::string(kNameMaxBytes + 1, 'a')));
}

}  // namespace
}  // namespace inout::cluster::subject_test
