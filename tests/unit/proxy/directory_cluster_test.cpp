// What the directory tells the other proxies of a cluster, and how a stream waits beside asking
// them.
#include <gtest/gtest.h>

#include "../peer.hpp"
#include "common/net/error_watch.hpp"
#include "proxy/directory.hpp"

namespace inout::proxy::directory_cluster_test {
namespace {

using cluster::Match;

class DirectoryOfCluster : public testing::Test {
  protected:
    DirectoryOfCluster() {
        directory.announce_to([this](const cluster::Presence::Name& name, bool is_here) {
            told.push_back((is_here ? "+" : "-") + name.text + (name.is_pattern ? " pattern" : ""));
        });
    }
    ~DirectoryOfCluster() override {
        directory.close();
        run_ready(context);
    }
    std::shared_ptr<Registration> add(const std::string& topic, bool pattern = false,
                                      bool share = false, unsigned weight = 1,
                                      const std::string& instance = {}) {
        auto out = std::make_shared<Registration>();
        out->topic = topic;
        out->share = share;
        if (pattern) out->pattern = TopicPattern::parse(topic).value();
        out->choice = Candidate(topic, weight, false, kOutRest);
        out->pool = std::make_shared<DataPool>(PoolPolicy(1, 1, 1), 1, 1, [](auto, auto) {});
        EXPECT_TRUE(directory.add(out, instance, false));
        return out;
    }
    Code waits(const std::string& topic, Clock::time_point until) {
        return run(context, directory.wait_for(topic, tried, until, in))->code;
    }

    Directory directory{100, 1};
    asio::io_context context;
    TcpPair pair;
    Connection in = adopt(context, std::move(pair.a));
    std::vector<std::string> told;
    Tried tried;
};

TEST_F(DirectoryOfCluster, each_registration_is_told_once_and_its_end_too) {
    const auto first = add("t"), second = add("t"), all = add("db.#", true);
    EXPECT_EQ(told, (std::vector<std::string>{"+t", "+t", "+db.# pattern"}));
    told.clear();
    directory.set_ready(*second, false);
    EXPECT_TRUE(told.empty()) << "it keeps its place";
    EXPECT_TRUE(directory.drain(second));
    directory.forget(second);
    directory.forget(first);
    directory.forget(all);
    EXPECT_EQ(told, (std::vector<std::string>{"-t", "-t", "-db.# pattern"}));
}

TEST_F(DirectoryOfCluster, an_answer_says_how_this_proxy_comes_to_the_topic) {
    EXPECT_EQ(directory.answer_of("db.x").match, Match::none);
    const auto all = add("db.#", true);
    EXPECT_EQ(directory.answer_of("db.x").match, Match::pattern);
    EXPECT_EQ(directory.answer_of("db.x").pattern, "db.#");
    add("db.x");
    EXPECT_EQ(directory.answer_of("db.x").match, Match::exact);
    EXPECT_EQ(directory.answer_of("db.x").pattern, "");
    EXPECT_EQ(directory.answer_of("web").match, Match::none);
    directory.close();
    EXPECT_EQ(directory.answer_of("db.x").match, Match::none) << "the proxy ends";
}

TEST_F(DirectoryOfCluster, an_answer_adds_up_those_that_share) {
    const auto one = add("t", false, true, 2), two = add("t", false, true, 3);
    one->given = 5;
    two->given = 6;
    const auto answer = directory.answer_of("t");
    EXPECT_TRUE(answer.shared && answer.ready);
    EXPECT_EQ(answer.weight, 5U);
    EXPECT_EQ(answer.running, 11U);
}

TEST_F(DirectoryOfCluster, who_can_not_be_chosen_is_there_and_not_ready) {
    const auto out = add("t");
    directory.set_ready(*out, false);
    EXPECT_EQ(directory.answer_of("t").match, Match::exact);
    EXPECT_FALSE(directory.answer_of("t").ready);
    directory.set_ready(*out, true);
    EXPECT_TRUE(directory.answer_of("t").ready);
    directory.has_refused(*out);
    directory.has_refused(*out);
    EXPECT_FALSE(directory.answer_of("t").ready) << "it rests";
}

TEST_F(DirectoryOfCluster, a_topic_was_here_until_somebody_has_it_again) {
    EXPECT_FALSE(directory.was_here("t"));
    const auto out = add("t");
    EXPECT_FALSE(directory.was_here("t"));
    directory.forget(out);
    EXPECT_TRUE(directory.was_here("t"));
    add("t");
    EXPECT_FALSE(directory.was_here("t"));
}

TEST_F(DirectoryOfCluster, a_stream_waits_for_any_topic_as_long_as_it_is_told) {
    const auto until = Clock::now() + Milliseconds{20};
    EXPECT_EQ(waits("t", until), Code::none);
    EXPECT_GE(Clock::now(), until);
    asio::post(context, [this] { add("t"); });
    const auto begun = Clock::now();
    EXPECT_EQ(waits("t", begun + kPatience), Code::none);
    EXPECT_EQ(waits("t", begun + kPatience), Code::none) << "it is there";
    EXPECT_LT(Clock::now(), begun + kPatience);
    directory.close();
    EXPECT_EQ(waits("other", begun + kPatience), Code::draining);
}

TEST_F(DirectoryOfCluster, who_can_not_be_chosen_ends_no_wait) {
    const auto out = add("t");
    directory.set_ready(*out, false);
    const auto until = Clock::now() + Milliseconds{20};
    EXPECT_EQ(waits("t", until), Code::none);
    EXPECT_GE(Clock::now(), until) << "unready";
    directory.set_ready(*out, true);
    const auto begun = Clock::now();
    EXPECT_EQ(waits("t", begun + kPatience), Code::none);
    EXPECT_LT(Clock::now(), begun + kPatience);
    tried.add(out->id);
    EXPECT_EQ(waits("t", Clock::now() + Milliseconds{20}), Code::none);
    EXPECT_GE(Clock::now(), begun + Milliseconds{20}) << "it was tried";
}

}  // namespace
}  // namespace inout::proxy::directory_cluster_test
