// Where a stream of a topic goes, and whose a data connection is. What an identity may register
// counts by topic, from whichever thread it is asked for.
#include "proxy/directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <functional>
#include <thread>

#include "../loopback.hpp"

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
    Directory directory(100);
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
    Directory directory(100);
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
    Directory directory(100);
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

class DirectoryRoutes : public testing::Test {
  protected:
    /// An out that serves "t" from now on, or waits behind the one that does.
    std::shared_ptr<Registration> add_out(const std::string& ticket = {}, bool standby = false) {
        auto out = std::make_shared<Registration>();
        out->topic = "t";
        out->ticket = ticket;
        out->pool = std::make_shared<DataPool>(PoolPolicy(1, 1, 1), 1, 1, [](auto, auto) {});
        EXPECT_TRUE(directory.add(out, {}, standby));
        return out;
    }
    Result<Route, Reason> find(const std::string& topic, const Route& tried = {}) {
        return *run(context, directory.find(topic, Clock::now() + kPatience, tried));
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

    Directory directory{100};
    asio::io_context context;
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

TEST_F(DirectoryRoutes, wait_a_moment_for_the_next_out_when_the_last_one_has_gone) {
    const auto gone = add_out();
    directory.forget(gone);
    std::shared_ptr<Registration> next;
    // Behind the search, which sees nobody, and before what it waits for.
    asio::post(context, [&] { asio::post(context, [&] { next = add_out(); }); });
    EXPECT_EQ(out_of(find("t", Route{gone})), next);
    EXPECT_NE(next, nullptr);
}

TEST_F(DirectoryRoutes, end_with_the_last_out) {
    const auto gone = add_out();
    directory.forget(gone);
    EXPECT_EQ(code_of(find("t", Route{gone})), Code::no_out);
    EXPECT_EQ(code_of(find("t")), Code::no_topic);
}

TEST_F(DirectoryRoutes, are_not_waited_for_beyond_the_deadline) {
    const auto gone = add_out();
    directory.forget(gone);
    const Route tried{gone};
    std::shared_ptr<Registration> next;
    Timer later(context, kHolderChange / 2);  // behind the deadline, before what it would wait
    later.async_wait([&](std::error_code) { next = add_out(); });
    const auto found = run(context, directory.find("t", Clock::time_point::min(), tried));
    EXPECT_EQ(code_of(*found), Code::no_out);
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
