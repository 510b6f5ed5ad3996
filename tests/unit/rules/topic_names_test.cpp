#include "common/rules/topic_names.hpp"

#include <gtest/gtest.h>

namespace inout::topic_names_test {
namespace {

using Kind = TopicNames::Kind;

std::vector<TopicPattern> patterns(std::initializer_list<const char*> texts) {
    std::vector<TopicPattern> all;
    for (const char* text : texts) all.push_back(TopicPattern::parse(text).value());
    return all;
}

TopicNames names() {
    return {.suffix = ".inout",
            .allow = patterns({"web", "db.*"}),
            .topics = {{"web-1", "Web 1"}, {"xn--bcher-kva", "Bücher"}}};
}

std::string meaning(const TopicNames& all, std::string_view host, std::uint16_t port = 80) {
    const auto meant = all.meaning_of(host, port);
    if (meant.kind == Kind::outside) return "outside";
    return meant.kind == Kind::refused ? "refused" : "topic " + meant.topic;
}

TEST(TopicNames, are_the_topics_of_the_same_bytes) {
    EXPECT_EQ(meaning(names(), "web.inout"), "topic web");
    EXPECT_EQ(meaning(names(), "db.eu.inout"), "topic db.eu");
    EXPECT_EQ(meaning(names(), "WEB.InOut."), "topic web");
}

TEST(TopicNames, reach_nothing_that_is_not_allowed) {
    EXPECT_EQ(meaning(names(), "ssh.inout"), "refused");
    EXPECT_EQ(meaning(names(), "db.inout"), "refused");
    EXPECT_EQ(meaning(names(), "a.db.eu.inout"), "refused");
    EXPECT_EQ(meaning(names(), "web..inout"), "refused");
}

TEST(TopicNames, reach_a_listed_topic_by_its_host_only) {
    EXPECT_EQ(meaning(names(), "Web-1.inout"), "topic Web 1");
    EXPECT_EQ(meaning(names(), "xn--bcher-kva.inout"), "topic Bücher");
    EXPECT_EQ(meaning(names(), "a.web-1.inout"), "refused");
}

TEST(TopicNames, leave_other_hosts_to_the_exit) {
    for (const char* host :
         {"example.com", "inout", ".inout", "webinout", "web.inout.com", "10.0.0.1", "::1", ""}) {
        EXPECT_EQ(meaning(names(), host), "outside") << host;
    }
}

TEST(TopicNames, may_have_the_port_as_their_last_word) {
    TopicNames all = names();
    all.form = TopicForm::host_port;
    all.allow = patterns({"web.80", "db.#"});
    EXPECT_EQ(meaning(all, "web.inout", 80), "topic web.80");
    EXPECT_EQ(meaning(all, "web.inout", 81), "refused");
    EXPECT_EQ(meaning(all, "db.eu.inout", 5432), "topic db.eu.5432");
    EXPECT_EQ(meaning(all, "web-1.inout", 9), "topic Web 1");
}

TEST(TopicNames, have_a_suffix_that_no_bare_name_is) {
    EXPECT_FALSE(check_name_suffix(".inout"));
    EXPECT_FALSE(check_name_suffix(".my-site.example"));
    for (const char* suffix :
         {"", ".", "inout", "..inout", ".Inout", ".a b", ".inout.", ".ä", ".1"}) {
        EXPECT_TRUE(check_name_suffix(suffix)) << suffix;
    }
}

TEST(TopicNames, collide_where_one_name_would_mean_two_topics_or_none) {
    const auto problem = [](auto change) {
        TopicNames all = names();
        change(all);
        const auto found = find_problem(all);
        return found ? std::string(found->key) + ": " + found->what : "";
    };
    EXPECT_EQ(problem([](TopicNames&) {}), "");
    EXPECT_EQ(problem([](TopicNames& all) {
                  all.topics.push_back({"web-1", "b"});
              }),
              "topics: has the host \"web-1\" twice");
    EXPECT_EQ(problem([](TopicNames& all) {
                  all.topics.push_back({"web", "Web"});
              }),
              "allow: has \"web\", but that host is listed for another topic");
    EXPECT_NE(problem([](TopicNames& all) {
                  all.allow = patterns({"DB.*"});
              }).find("has \"DB.*\", which no host name can be"),
              std::string::npos);
    EXPECT_TRUE(check_listed_host("Web"));
    EXPECT_TRUE(check_listed_host("web."));
    EXPECT_TRUE(check_listed_host("bücher"));
    EXPECT_FALSE(check_listed_host("a.b"));
}

}  // namespace
}  // namespace inout::topic_names_test
