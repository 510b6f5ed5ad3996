// Where a stream of a topic goes, and whose a data connection is.
#include "proxy/directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <list>
#include <thread>

#include "../peer.hpp"
#include "common/app/worker.hpp"
#include "common/net/error_watch.hpp"

namespace inout::proxy::directory_test {
namespace {

using Found = std::optional<Result<Route, Reason>>;

/// A stream that asks for the way to its topic.
struct AskingStream {
    explicit AskingStream(asio::io_context& context)
        : in(adopt(context, std::move(pair.a))), watch(in) {}

    Task<> ask(Directory& directory, std::string topic, Clock::time_point deadline, Tried tried) {
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
    AskingStream& ask(const std::string& topic, const Tried& tried = {},
                      Clock::time_point deadline = Clock::now() + kPatience) {
        AskingStream& stream = streams.emplace_back(context);
        spawn(context.get_executor(), "stream", stream.ask(directory, topic, deadline, tried));
        run_ready(context);
        return stream;
    }
    bool becomes_answered(const AskingStream& stream) {
        return run_until(context, [&] { return stream.found.has_value(); });
    }
    /// Of a stream that had a way before.
    static Tried had_one() {
        Tried tried;
        tried.found_one();
        return tried;
    }
    /// Of one that was refused by these.
    static Tried refused_by(std::initializer_list<std::shared_ptr<Registration>> outs) {
        Tried tried;
        for (const auto& out : outs) tried.add(out->id);
        return tried;
    }
    /// What is known without a wait.
    Result<Route, Reason> find(const std::string& topic, const Tried& tried = {}) {
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
    EXPECT_EQ(out_of(find("t", had_one())), out);
}

TEST_F(DirectoryRoutes, lead_to_the_next_out_when_the_one_before_was_displaced_or_drains) {
    const auto first = add_out(), second = add_out();
    EXPECT_EQ(out_of(find("t", had_one())), second);
    directory.drain(second);
    EXPECT_EQ(out_of(find("t", had_one())), first);
}

TEST_F(DirectoryRoutes, lead_down_the_line_past_those_that_have_refused_the_stream) {
    const auto last = add_out(), middle = add_out(), head = add_out();
    EXPECT_FALSE(middle->pool->is_open());
    EXPECT_EQ(out_of(find("t", refused_by({head}))), middle);
    EXPECT_TRUE(middle->pool->is_open()) << "it lends";
    EXPECT_EQ(out_of(find("t", refused_by({head, middle}))), last);
    EXPECT_EQ(code_of(find("t", refused_by({head, middle, last}))), Code::no_out);
    EXPECT_EQ(out_of(find("t")), head) << "of others it still has the topic";
    middle->name = "01234567";
    head->name = "89abcdef";
    EXPECT_EQ(out_of(find("t", Tried("89abcdef,01234567"))), last);
    directory.forget(head);
    directory.forget(middle);
    EXPECT_FALSE(middle->pool->is_open());
}

TEST_F(DirectoryRoutes, lead_past_an_out_that_rests_as_long_as_there_is_another) {
    const auto next = add_out(), head = add_out();
    directory.has_refused(*head);
    EXPECT_EQ(out_of(find("t")), head) << "once may be anything";
    directory.has_served(*head);
    directory.has_refused(*head);
    EXPECT_EQ(out_of(find("t")), head) << "it has served in between";
    directory.has_refused(*head);
    EXPECT_EQ(out_of(find("t")), next);
    EXPECT_EQ(out_of(find("t", refused_by({next}))), head) << "no stream is refused for a guess";
    for (int i = 0; i < 2; ++i) directory.has_refused(*next);
    EXPECT_EQ(out_of(find("t")), head) << "its rest ends first";
    directory.has_served(*next);
    EXPECT_EQ(out_of(find("t")), next);
    directory.has_served(*head);
    EXPECT_EQ(out_of(find("t")), head);
}

TEST_F(DirectoryRoutes, to_a_topic_that_was_here_lead_to_the_out_that_comes_back) {
    const auto gone = add_out();
    directory.forget(gone);
    const AskingStream& fresh = ask("t");
    const AskingStream& again = ask("t", had_one());
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
    const AskingStream& again = ask("t", had_one(), deadline);
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
                               stream.ask(crowded, "t", Clock::now() + 10 * kPatience, Tried()),
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
    EXPECT_EQ(out_of(find("t", had_one())), out);
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
    const auto head = add_out("11");
    EXPECT_EQ(directory.registration_of(data_request("t", {})), nullptr);
    EXPECT_EQ(out_of(find("t", refused_by({head}))), plain);
    EXPECT_EQ(directory.registration_of(data_request("t", {})), plain) << "it lends";
}

TEST_F(DirectoryRoutes, what_the_process_before_has_served_is_waited_for) {
    directory.inherit({.topics = {"t"}, .patterns = {"db.*", "no..pattern"}});
    const AskingStream& stream = ask("t");
    const AskingStream& of_pattern = ask("db.orders");
    EXPECT_FALSE(stream.found || of_pattern.found);
    EXPECT_EQ(code_of(find("u")), Code::no_topic);
    EXPECT_TRUE(directory.has_just_ended(data_request("t", "a ticket of that process")));
    const auto out = add_out();
    EXPECT_TRUE(becomes_answered(stream));
    EXPECT_EQ(out_of(stream), out);
}

TEST_F(DirectoryRoutes, the_next_process_learns_what_is_here_and_what_was_a_moment_ago) {
    directory.inherit({.topics = {"gone"}, .patterns = {"db.*"}});
    add_out();
    auto names = directory.names();
    std::sort(names.topics.begin(), names.topics.end());
    EXPECT_EQ(names.topics, (std::vector<std::string>{"gone", "t"}));
    EXPECT_EQ(names.patterns, std::vector<std::string>{"db.*"});
}

}  // namespace
}  // namespace inout::proxy::directory_test
