// Several outs of one topic, and outs of patterns: who gets a stream, and whose pool is open.
#include <gtest/gtest.h>

#include <map>

#include "../peer.hpp"
#include "common/net/error_watch.hpp"
#include "proxy/directory.hpp"

namespace inout::proxy::directory_share_test {
namespace {

using Outs = std::vector<std::shared_ptr<Registration>>;

class DirectoryShare : public testing::Test {
  protected:
    ~DirectoryShare() override {
        directory.close();
        run_ready(context);
    }
    struct How {
        std::string topic = "t";
        bool share = true;
        unsigned weight = 1;
        bool standby = false;
        bool pattern = false;
    };
    std::shared_ptr<Registration> add(const How& how) {
        auto out = std::make_shared<Registration>();
        out->topic = how.topic;
        out->name = std::to_string(10'000'000 + ++made);
        out->ticket = out->name;
        out->share = how.share;
        if (how.pattern) out->pattern = TopicPattern::parse(how.topic).value();
        out->choice = Candidate(out->name, how.weight, false, kOutRest);
        out->pool = std::make_shared<DataPool>(PoolPolicy(1, 1, 1), 1, 1, [](auto, auto) {});
        EXPECT_TRUE(directory.add(out, out->name, how.standby));
        return out;
    }
    Result<Route, Reason> find(const Choice& choice = {}, const std::string& topic = "t",
                               Tried tried = Tried()) {
        return std::move(*run(
            context, directory.find(topic, Clock::now() + kPatience, tried, stream.in, choice)));
    }
    /// How many of `streams` each of them gets, none of which ends.
    std::vector<std::size_t> spread(const Outs& outs, std::size_t streams, const Choice& choice) {
        std::map<const Registration*, std::size_t> got;
        for (std::size_t i = 0; i < streams; ++i) {
            const auto found = find(choice);
            EXPECT_TRUE(found);
            if (!found) break;
            ++found->out->given;
            ++got[found->out.get()];
        }
        std::vector<std::size_t> counts;
        for (const auto& out : outs) counts.push_back(got[out.get()]);
        return counts;
    }

    struct Stream {
        explicit Stream(asio::io_context& context)
            : in(adopt(context, std::move(pair.a))), watch(in) {}
        TcpPair pair;
        Connection in;
        ErrorWatch watch;
    };
    asio::io_context context;
    Directory directory{5'000, 100};
    Stream stream{context};
    std::size_t made = 0;
};

TEST_F(DirectoryShare, streams_are_spread_by_weight_within_5_percent) {
    const Outs outs{add({.weight = 1}), add({.weight = 2}), add({.weight = 7})};
    for (const Select by : {Select::least_streams, Select::round_robin, Select::random}) {
        for (const auto& out : outs) out->given = 0;
        const auto got = spread(outs, 10'000, {.by = by});
        EXPECT_NEAR(static_cast<double>(got[0]), 1'000, 200) << static_cast<int>(by);
        EXPECT_NEAR(static_cast<double>(got[1]), 2'000, 200) << static_cast<int>(by);
        EXPECT_NEAR(static_cast<double>(got[2]), 7'000, 250) << static_cast<int>(by);
        if (by == Select::random) continue;
        EXPECT_EQ(got, (std::vector<std::size_t>{1'000, 2'000, 7'000})) << static_cast<int>(by);
    }
}

TEST_F(DirectoryShare, one_client_stays_with_one_out_and_few_move_when_another_goes) {
    Outs outs;
    for (int i = 0; i < 5; ++i) outs.push_back(add({}));
    std::map<std::string, std::shared_ptr<Registration>> before;
    for (int i = 0; i < 200; ++i) {
        const std::string client = "10.0.0." + std::to_string(i);
        before[client] = find({.by = Select::source, .source = client})->out;
    }
    directory.forget(outs[2]);
    for (const auto& [client, out] : before) {
        const auto now = find({.by = Select::source, .source = client})->out;
        EXPECT_TRUE(out == outs[2] || now == out) << client;
    }
}

TEST_F(DirectoryShare, all_that_share_the_head_have_open_pools_and_the_displaced_have_not) {
    const Outs outs{add({}), add({})};
    for (const auto& out : outs) EXPECT_TRUE(out->pool->is_open());
    const auto alone = add({.share = false});
    for (const auto& out : outs) EXPECT_FALSE(out->pool->is_open());
    EXPECT_TRUE(alone->pool->is_open());
    directory.forget(alone);
    for (const auto& out : outs) EXPECT_TRUE(out->pool->is_open());
}

TEST_F(DirectoryShare, one_that_has_refused_twice_gets_no_streams_for_a_while) {
    const Outs outs{add({.weight = 100}), add({})};
    directory.has_refused(*outs[0]);
    EXPECT_GT(spread(outs, 10, {})[0], 0U) << "once may be anything";
    directory.has_refused(*outs[0]);
    EXPECT_EQ(spread(outs, 10, {}), (std::vector<std::size_t>{0, 10}));
    directory.has_refused(*outs[1]);
    directory.has_refused(*outs[1]);
    EXPECT_EQ(find()->out, outs[0]) << "its rest ends first";
    directory.has_served(*outs[1]);
    EXPECT_EQ(find()->out, outs[1]);
}

TEST_F(DirectoryShare, a_stream_goes_to_each_of_a_place_before_it_goes_to_the_next_place) {
    const Outs outs{add({}), add({})};
    const auto next = add({.share = false, .standby = true});
    Tried tried;
    std::vector<std::shared_ptr<Registration>> order;
    while (const auto found = find({}, "t", tried)) {
        order.push_back(found->out);
        tried.add(found->out->id);
        ASSERT_LE(order.size(), 3U);
    }
    ASSERT_EQ(order.size(), 3U);
    EXPECT_EQ(order.back(), next);
    EXPECT_TRUE(next->pool->is_open()) << "it is lent to";
}

TEST_F(DirectoryShare, a_thousand_share_a_topic) {
    Outs outs;
    for (std::size_t i = 0; i < kRegistrationsMax; ++i) outs.push_back(add({}));
    const auto got = spread(outs, 2 * kRegistrationsMax, {});
    EXPECT_EQ(got, std::vector<std::size_t>(kRegistrationsMax, 2));
}

TEST_F(DirectoryShare, patterns_serve_what_no_exact_topic_does) {
    const auto all = add({.topic = "#", .pattern = true});
    const auto some = add({.topic = "db.*", .pattern = true});
    const auto exact = add({.topic = "db.a"});
    EXPECT_EQ(find({}, "db.a")->out, exact);
    EXPECT_EQ(find({}, "db.b")->out, some);
    EXPECT_EQ(find({}, "db.b.c")->out, all);
    directory.forget(exact);
    EXPECT_EQ(find({}, "db.a")->out, some);
    directory.forget(some);
    EXPECT_EQ(find({}, "db.a")->out, all);
}

TEST_F(DirectoryShare, a_pattern_that_was_here_a_moment_ago_is_waited_for) {
    directory.forget(add({.topic = "db.*", .pattern = true}));
    std::optional<Result<Route, Reason>> found;
    spawn(context.get_executor(), "stream", [](auto& d, auto& in, auto& to) -> Task<> {
        const Tried tried;
        auto answer = co_await d.find("db.a", Clock::now() + kPatience, tried, in);
        to.emplace(std::move(answer));
    }(directory, stream.in, found));
    run_ready(context);
    EXPECT_FALSE(found);
    const auto back = add({.topic = "db.#", .pattern = true});
    ASSERT_TRUE(run_until(context, [&] { return found.has_value(); }));
    ASSERT_TRUE(*found);
    EXPECT_EQ((*found)->out, back);
    EXPECT_EQ(find({}, "web").error().code, Code::no_topic);
}

}  // namespace
}  // namespace inout::proxy::directory_share_test
