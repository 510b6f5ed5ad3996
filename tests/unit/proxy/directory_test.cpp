// Where a stream of a topic goes, and whose a data connection is. What an identity may register
// counts by topic, from whichever thread it is asked for.
#include "proxy/directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <functional>
#include <list>
#include <thread>

#include "../peer.hpp"
#include "common/app/worker.hpp"
#include "common/net/error_watch.hpp"

namespace inout::proxy::directory_test {
namespace {

using TopicPlace = std::shared_ptr<Quota::Place>;

const Identity kKeyHolder{Identity::Kind::key, "office"};
constexpr std::size_t kAtOnce = 4, kRounds = 300;

/// Runs `one_round` again and again, each time on the numbers 0 to kAtOnce - 1 in the same moment;
/// `judge` sees each round's end, when none runs.
void in_the_same_moment(const std::function<void(std::size_t number, std::size_t round)>& one_round,
                        const std::function<void()>& judge) {
    std::barrier begin(kAtOnce), end(kAtOnce);
    const auto run = [&](std::size_t number) {
        for (std::size_t round = 0; round < kRounds; ++round) {
            begin.arrive_and_wait();
            one_round(number, round);
            end.arrive_and_wait();
            if (number == 0) judge();
        }
    };
    std::array<std::thread, kAtOnce - 1> others;
    for (std::size_t i = 0; i < others.size(); ++i) others[i] = std::thread(run, i + 1);
    run(0);
    for (std::thread& other : others) other.join();
}

TEST(Directory, of_topics_taken_in_the_same_moment_no_more_are_held_than_the_limit) {
    Directory directory(100, 100);
    Quota quota(1);
    std::array<TopicPlace, kAtOnce> places;
    std::array<bool, kAtOnce> taken{};
    std::size_t wrong = 0;
    in_the_same_moment(
        [&](std::size_t number, std::size_t round) {
            taken[number] =
                directory.take_topic("t" + std::to_string(number) + "." + std::to_string(round % 3),
                                     kKeyHolder, quota, places[number]);
        },
        [&] {
            std::size_t holders = 0;
            for (std::size_t i = 0; i < kAtOnce; ++i) {
                holders += taken[i] ? 1 : 0;
                wrong += taken[i] != static_cast<bool>(places[i]) ? 1 : 0;
                places[i].reset();
            }
            wrong += holders != 1 ? 1 : 0;
        });
    EXPECT_EQ(wrong, 0U);
}

TEST(Directory, a_topic_that_is_taken_in_the_same_moment_counts_once) {
    Directory directory(100, 100);
    Quota quota(1);
    std::array<TopicPlace, kAtOnce> places;
    std::size_t wrong = 0;
    in_the_same_moment(
        [&](std::size_t number, std::size_t) {
            directory.take_topic("t", kKeyHolder, quota, places[number]);
        },
        [&] {
            for (const TopicPlace& place : places) wrong += place && place == places[0] ? 0 : 1;
            places.fill(nullptr);
        });
    EXPECT_EQ(wrong, 0U);
}

TEST(Directory, topics_that_are_gone_are_given_back_and_another_identity_has_its_own) {
    Directory directory(100, 100);
    Quota quota(2);
    const Identity other{Identity::Kind::certificate, "office"};
    TopicPlace kept, passing, theirs;
    ASSERT_TRUE(directory.take_topic("kept", kKeyHolder, quota, kept));
    // Enough of them that those that are gone are dropped on the way, and this one is not.
    for (std::size_t i = 0; i < 10 * kPlacesSweep; ++i) {
        ASSERT_TRUE(directory.take_topic(std::to_string(i), kKeyHolder, quota, passing));
        TopicPlace again, more;
        ASSERT_TRUE(directory.take_topic("kept", kKeyHolder, quota, again));
        ASSERT_EQ(again, kept);
        ASSERT_FALSE(directory.take_topic("more", kKeyHolder, quota, more));
        ASSERT_TRUE(directory.take_topic("kept", other, quota, theirs));
        ASSERT_NE(theirs, kept);
        passing.reset();
    }
}

using Found = std::optional<Result<Route, Reason>>;

/// A stream that asks for the way to its topic.
struct AskingStream {
    explicit AskingStream(asio::io_context& context)
        : in(adopt(context, std::move(pair.a))), watch(in) {}

    Task<> ask(Directory& directory, std::string topic, Clock::time_point deadline, Route tried) {
        auto answer = co_await directory.find(topic, deadline, tried, in);
        found.emplace(std::move(answer));
    }

    TcpPair pair;  // `b` is its in's
    Connection in;
    ErrorWatch watch;
    Found found;
};

class DirectoryRoutes : public testing::Test {
  protected:
    ~DirectoryRoutes() override {
        directory.close();
        run_ready(context);
    }

    static std::shared_ptr<Registration> make_out() {
        auto out = std::make_shared<Registration>();
        out->topic = "t";
        out->pool = std::make_shared<DataPool>(PoolPolicy(1, 1, 1), 1, 1, [](auto, auto) {});
        return out;
    }
    /// An out that serves "t" from now on, or waits behind the one that does.
    std::shared_ptr<Registration> add_out(const std::string& ticket = {}, bool standby = false) {
        auto out = make_out();
        out->ticket = ticket;
        EXPECT_TRUE(directory.add(out, {}, standby));
        return out;
    }
    /// A stream that has been answered or waits by now.
    AskingStream& ask(const std::string& topic, const Route& tried = {},
                      Clock::time_point deadline = Clock::now() + kPatience) {
        AskingStream& stream = streams.emplace_back(context);
        spawn(context.get_executor(), "stream", stream.ask(directory, topic, deadline, tried));
        run_ready(context);
        return stream;
    }
    bool becomes_answered(const AskingStream& stream) {
        return run_until(context, [&] { return stream.found.has_value(); });
    }
    /// What is known without a wait.
    Result<Route, Reason> find(const std::string& topic, const Route& tried = {}) {
        const AskingStream& stream = ask(topic, tried);
        EXPECT_TRUE(stream.found) << "it waits";
        return stream.found.value_or(Failure{Reason{Code::unknown, {}}});
    }
    static std::shared_ptr<Registration> out_of(const AskingStream& stream) {
        return stream.found ? out_of(*stream.found) : nullptr;
    }
    static Code code_of(const AskingStream& stream) {
        return stream.found ? code_of(*stream.found) : Code::none;
    }
    static std::shared_ptr<Registration> out_of(const Result<Route, Reason>& found) {
        return found ? found->out : nullptr;
    }
    static Code code_of(const Result<Route, Reason>& found) {
        return found ? Code::none : found.error().code;
    }
    static OutDataRequest data_request(const std::string& topic, const std::string& ticket) {
        return {.magic = "1", .version = "0.0.1", .topic = topic, .ticket = ticket};
    }

    Directory directory{100, 2};
    asio::io_context context;
    std::list<AskingStream> streams;
};

TEST_F(DirectoryRoutes, there_is_none_for_a_topic_that_nobody_has_registered) {
    add_out();
    const auto found = find("other");
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::no_topic);
    EXPECT_EQ(found.error().detail, "no out serves topic other");
}

TEST_F(DirectoryRoutes, lead_to_the_newest_out_and_not_to_one_that_stands_by) {
    const auto first = add_out();
    add_out({}, true);
    EXPECT_EQ(out_of(find("t")), first);
    const auto second = add_out();
    EXPECT_EQ(out_of(find("t")), second);
    directory.forget(second);
    EXPECT_EQ(out_of(find("t")), first);
}

TEST_F(DirectoryRoutes, are_waited_for_when_all_of_a_topic_were_kicked_and_nobody_is_promoted) {
    std::vector<std::shared_ptr<Registration>> outs;
    for (const bool standby : {false, false, true}) {
        TcpPair pair;
        outs.push_back(make_out());
        outs.back()->channel =
            std::make_shared<ControlChannel>(adopt_owned(context, std::move(pair.a)));
        outs.back()->ext = true;
        EXPECT_TRUE(directory.add(outs.back(), {}, standby));
    }
    EXPECT_EQ(directory.kick("other"), 0U);
    EXPECT_EQ(out_of(find("t")), outs[1]);
    directory.drain(outs[1]);
    EXPECT_EQ(directory.kick("t"), 3U);
    run_ready(context);
    for (const auto& out : outs) {
        EXPECT_TRUE(out->kicked);
        EXPECT_FALSE(out->channel->connection().is_open());
        EXPECT_FALSE(directory.position_of(*out));
    }
    const AskingStream& stream = ask("t");
    EXPECT_FALSE(stream.found);
    const auto back = add_out();
    EXPECT_TRUE(becomes_answered(stream));
    EXPECT_EQ(out_of(stream), back);
    for (const auto& out : outs) directory.forget(out);
    EXPECT_EQ(out_of(find("t")), back);
}

TEST_F(DirectoryRoutes, are_found_again_where_only_a_data_connection_was_dead) {
    const auto out = add_out();
    EXPECT_EQ(out_of(find("t", Route{out})), out);
}

TEST_F(DirectoryRoutes, lead_to_the_next_out_when_the_one_before_was_displaced_or_drains) {
    const auto first = add_out(), second = add_out();
    EXPECT_EQ(out_of(find("t", Route{first})), second);
    directory.drain(second);
    EXPECT_EQ(out_of(find("t", Route{second})), first);
}

TEST_F(DirectoryRoutes, to_a_topic_that_was_here_lead_to_the_out_that_comes_back) {
    const auto gone = add_out();
    directory.forget(gone);
    const AskingStream& fresh = ask("t");
    const AskingStream& again = ask("t", Route{gone});
    EXPECT_FALSE(fresh.found || again.found);
    const auto back = add_out();
    run_ready(context);
    EXPECT_EQ(out_of(fresh), back);
    EXPECT_EQ(out_of(again), back);
}

TEST_F(DirectoryRoutes, are_waited_for_when_the_last_out_drains_and_not_those_of_another_topic) {
    directory.drain(add_out());
    const AskingStream& stream = ask("t");
    EXPECT_FALSE(stream.found);
    EXPECT_EQ(code_of(find("other")), Code::no_topic);
    add_out();
    EXPECT_TRUE(becomes_answered(stream));
}

TEST_F(DirectoryRoutes, are_waited_for_again_when_an_out_that_came_has_gone_before_it_was_used) {
    directory.forget(add_out());
    const AskingStream& stream = ask("t");
    directory.forget(add_out());
    run_ready(context);
    EXPECT_FALSE(stream.found);
    const auto back = add_out();
    EXPECT_TRUE(becomes_answered(stream));
    EXPECT_EQ(out_of(stream), back);
}

TEST_F(DirectoryRoutes, that_do_not_come_back_are_told_at_the_deadline_and_not_before) {
    const auto gone = add_out();
    directory.forget(gone);
    const auto deadline = Clock::now() + Milliseconds{20};
    const AskingStream& fresh = ask("t", {}, deadline);
    const AskingStream& again = ask("t", Route{gone}, deadline);
    ASSERT_TRUE(becomes_answered(fresh) && becomes_answered(again));
    EXPECT_GE(Clock::now(), deadline);
    EXPECT_EQ(fresh.found->error().code, Code::no_topic);
    EXPECT_EQ(fresh.found->error().detail, "no out serves topic t; it was here 0 s ago");
    EXPECT_EQ(code_of(again), Code::no_out);
    EXPECT_EQ(code_of(ask("t", {}, Clock::time_point::min())), Code::no_topic);
}

TEST_F(DirectoryRoutes, are_waited_for_by_no_more_streams_than_may) {
    directory.forget(add_out());
    AskingStream& first = ask("t");
    const AskingStream& second = ask("t");
    EXPECT_EQ(code_of(find("t")), Code::limit);
    reset(first.pair.b);
    ASSERT_TRUE(becomes_answered(first));
    EXPECT_EQ(code_of(first), Code::in_gone);
    const AskingStream& third = ask("t");
    EXPECT_FALSE(second.found || third.found);
    const auto back = add_out();
    run_ready(context);
    EXPECT_EQ(out_of(second), back);
    EXPECT_EQ(out_of(third), back);
}

TEST_F(DirectoryRoutes, are_not_waited_for_by_a_stream_whose_in_has_gone_already) {
    directory.forget(add_out());
    AskingStream& stream = streams.emplace_back(context);
    stream.in.note_reset();
    EXPECT_EQ(code_of(*run(context, directory.find("t", Clock::time_point::max(), {}, stream.in))),
              Code::in_gone);
}

TEST_F(DirectoryRoutes, are_waited_for_no_more_when_the_proxy_ends) {
    directory.forget(add_out());
    const AskingStream& stream = ask("t");
    directory.close();
    ASSERT_TRUE(becomes_answered(stream));
    EXPECT_EQ(code_of(stream), Code::draining);
    EXPECT_EQ(code_of(find("t")), Code::draining);
    EXPECT_EQ(code_of(find("other")), Code::no_topic);
    const auto back = add_out();
    EXPECT_EQ(out_of(find("t")), back);
}

TEST_F(DirectoryRoutes,
       are_found_by_all_that_wait_on_any_thread_however_often_an_out_comes_and_goes) {
    constexpr std::size_t kStreams = 100;
    Directory crowded(100, kStreams);
    const auto make_out = [] {
        auto out = std::make_shared<Registration>();
        out->topic = "t";
        out->pool = std::make_shared<DataPool>(PoolPolicy(1, 1, 1), 1, 1, [](auto, auto) {});
        return out;
    };
    auto out = make_out();
    ASSERT_TRUE(crowded.add(out, {}, false));
    crowded.forget(out);
    std::atomic<std::size_t> answered{0};
    std::atomic<bool> over{false};
    std::array<std::thread, 2> threads;
    for (std::thread& each : threads) {
        each = std::thread([&] {
            asio::io_context own;
            std::list<AskingStream> asking;
            for (std::size_t i = 0; i < kStreams / threads.size(); ++i) {
                AskingStream& stream = asking.emplace_back(own);
                asio::co_spawn(own,
                               stream.ask(crowded, "t", Clock::now() + 10 * kPatience, Route{}),
                               [&](const std::exception_ptr&) { ++answered; });
            }
            while (!over) own.run_for(Milliseconds{1}), own.restart();
            for (const AskingStream& each_one : asking) {
                EXPECT_TRUE(each_one.found && *each_one.found);
            }
        });
    }
    EXPECT_TRUE(eventually([&] {
        out = make_out();
        crowded.add(out, {}, false);
        const bool all = answered == kStreams;
        crowded.forget(out);
        return all;
    }));
    over = true;
    for (std::thread& each : threads) each.join();
}

TEST_F(DirectoryRoutes, know_no_better_when_the_pool_of_the_holder_is_closed) {
    const auto out = add_out();
    out->pool->close();  // as all are when the proxy ends
    EXPECT_EQ(out_of(find("t", Route{out})), out);
}

TEST_F(DirectoryRoutes, a_data_connection_belongs_to_the_registration_of_its_ticket_and_topic) {
    const auto first = add_out("11"), second = add_out("22");
    EXPECT_EQ(directory.registration_of(data_request("t", "11")), first);
    EXPECT_EQ(directory.registration_of(data_request("t", "22")), second);
    EXPECT_EQ(directory.registration_of(data_request("t", "33")), nullptr);
    EXPECT_EQ(directory.registration_of(data_request("other", "22")), nullptr);
}

TEST_F(DirectoryRoutes, a_data_connection_without_a_ticket_belongs_to_a_holder_without_one) {
    const auto plain = add_out();
    EXPECT_EQ(directory.registration_of(data_request("t", {})), plain);
    EXPECT_EQ(directory.registration_of(data_request("other", {})), nullptr);
    add_out("11");
    EXPECT_EQ(directory.registration_of(data_request("t", {})), nullptr);
}

}  // namespace
}  // namespace inout::proxy::directory_test
