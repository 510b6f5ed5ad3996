#include "out/backends.hpp"

#include <gtest/gtest.h>

#include <map>

namespace inout::out::backends_test {
namespace {

using namespace std::chrono_literals;
using Tried = Backends::Tried;

constexpr Clock::time_point kStart{1h};

BackendOptions at(std::uint16_t port, unsigned weight = 1, bool backup = false) {
    return {.address = {{"h", port}, {}}, .weight = weight, .backup = backup};
}

OutNetwork network(std::vector<BackendOptions> backends, Balance balance = Balance::round_robin) {
    OutNetwork made{.server = {"proxy", 1}, .backend = {"one", 9}, .topic = "db"};
    made.backends = std::move(backends);
    made.balance = balance;
    return made;
}

OutNetwork asked(std::vector<BackendOptions> backends) {
    OutNetwork made = network(std::move(backends));
    made.health = HealthOptions{.rise = 1, .fall = 1};
    return made;
}

std::size_t chosen(Backends& backends, const Tried& tried = {}, Clock::time_point now = kStart,
                   std::string_view source = "1.2.3.4") {
    return backends.choose(tried, source, now, 0.5).value_or(Backends::kMax);
}

std::map<std::size_t, int> spread(Backends& backends, int streams) {
    std::map<std::size_t, int> count;
    for (int i = 0; i < streams; ++i) ++count[chosen(backends)];
    return count;
}

TEST(Backends, of_a_network_with_a_single_one_are_that) {
    Backends tcp(network({}));
    ASSERT_EQ(tcp.size(), 1U);
    EXPECT_EQ(tcp.at(0)->name, "one:9");
    OutNetwork local = network({});
    local.backend_unix = "/run/x";
    EXPECT_EQ(Backends(local).text(), "unix:/run/x");
    EXPECT_EQ(Backends(network({at(1), at(2)})).text(), "h:1, h:2");
}

TEST(Backends, get_their_parts_exactly) {
    Backends backends(network({at(1, 3), at(2)}));
    EXPECT_EQ(spread(backends, 400), (std::map<std::size_t, int>{{0, 300}, {1, 100}}));
}

TEST(Backends, those_that_were_tried_are_left_out_until_none_is_left) {
    Backends backends(network({at(1), at(2), at(3)}));
    Tried tried;
    for (int i = 0; i < 3; ++i) {
        const auto next = chosen(backends, tried);
        ASSERT_LT(next, 3U);
        EXPECT_FALSE(tried[next]);
        tried.set(next);
    }
    EXPECT_EQ(backends.choose(tried, "", kStart, 0.5), std::nullopt);
}

TEST(Backends, one_that_failed_rests_and_its_first_success_ends_that) {
    Backends backends(network({at(1), at(2)}));
    EXPECT_TRUE(backends.has_failed(0, kStart));
    EXPECT_FALSE(backends.has_failed(0, kStart)) << "it rests already";
    EXPECT_EQ(backends.rests_until(0), kStart + 10s);
    EXPECT_EQ(spread(backends, 10), (std::map<std::size_t, int>{{1, 10}}));
    EXPECT_EQ(backends.shown(kStart)[0].state, Backends::State::resting);
    EXPECT_EQ(backends.shown(kStart + 10s)[0].state, Backends::State::up);
    EXPECT_TRUE(backends.has_worked(0));
    EXPECT_FALSE(backends.has_worked(0));
    EXPECT_EQ(spread(backends, 10).size(), 2U);
}

TEST(Backends, where_all_rest_the_first_to_return_is_tried) {
    Backends backends(network({at(1), at(2)}));
    EXPECT_TRUE(backends.has_failed(1, kStart));
    EXPECT_TRUE(backends.has_failed(0, kStart + 1s));
    EXPECT_EQ(chosen(backends, {}, kStart + 2s), 1U);
    EXPECT_FALSE(backends.are_all_down()) << "that is a guess";
}

TEST(Backends, a_backup_is_for_when_the_others_rest) {
    Backends backends(network({at(1), at(2, 1, true)}));
    EXPECT_EQ(spread(backends, 10), (std::map<std::size_t, int>{{0, 10}}));
    EXPECT_TRUE(backends.has_failed(0, kStart));
    EXPECT_EQ(spread(backends, 10), (std::map<std::size_t, int>{{1, 10}}));
}

TEST(Backends, those_that_are_down_get_nothing_and_the_last_one_takes_all_away) {
    Backends backends(asked({at(1), at(2)}));
    EXPECT_EQ(backends.was_asked(0, true), Backends::Change::nothing);
    EXPECT_EQ(backends.was_asked(0, false), Backends::Change::of_it);
    EXPECT_EQ(spread(backends, 10), (std::map<std::size_t, int>{{1, 10}}));
    EXPECT_FALSE(backends.are_all_down());
    EXPECT_EQ(backends.was_asked(1, false), Backends::Change::of_all);
    EXPECT_TRUE(backends.are_all_down());
    EXPECT_EQ(backends.choose({}, "", kStart, 0.5), std::nullopt);
    EXPECT_EQ(backends.was_asked(0, true), Backends::Change::of_all);
    EXPECT_FALSE(backends.are_all_down());
}

TEST(Backends, one_that_answers_again_rests_no_more) {
    Backends backends(asked({at(1), at(2)}));
    EXPECT_TRUE(backends.has_failed(0, kStart));
    EXPECT_EQ(backends.was_asked(0, false), Backends::Change::of_it);
    EXPECT_EQ(backends.was_asked(0, true), Backends::Change::of_it);
    EXPECT_EQ(backends.shown(kStart)[0].state, Backends::State::up);
}

TEST(Backends, the_freest_for_its_weight_is_next) {
    Backends backends(network({at(1, 2), at(2)}, Balance::least_streams));
    std::vector<BackendUse> running;
    running.reserve(30);
    for (int i = 0; i < 30; ++i) running.emplace_back(backends.at(chosen(backends)));
    EXPECT_EQ(backends.at(0)->streams, 20U);
    running.clear();
    EXPECT_EQ(backends.at(0)->streams, 0U);
}

TEST(Backends, a_client_stays_with_its_backend) {
    Backends backends(network({at(1), at(2), at(3)}, Balance::source));
    const auto first = chosen(backends, {}, kStart, "10.0.0.7");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(chosen(backends, {}, kStart, "10.0.0.7"), first);
    EXPECT_EQ(backends.choose({}, "", kStart, 0.0), 0U) << "who is not known goes anywhere";
    EXPECT_EQ(backends.choose({}, "", kStart, 0.99), 2U);
}

TEST(Backends, of_another_configuration_keep_what_is_known_of_those_that_stay) {
    Backends before(asked({at(1), at(2), at(3)}));
    const BackendUse stream(before.at(1));
    EXPECT_TRUE(before.has_failed(1, kStart));
    EXPECT_EQ(before.was_asked(2, false), Backends::Change::of_it);
    Backends after(asked({at(3), at(4), at(2, 7)}), &before);
    EXPECT_EQ(after.at(2), before.at(1));
    const auto shown = after.shown(kStart);
    EXPECT_EQ(shown[0].state, Backends::State::down);
    EXPECT_EQ(shown[1].state, Backends::State::up);
    EXPECT_EQ(shown[2].state, Backends::State::resting);
    EXPECT_EQ(shown[2].weight, 7U);
    Backends only(asked({at(3)}), &after);
    EXPECT_TRUE(only.are_all_down());
    EXPECT_FALSE(Backends(network({at(3)}), &only).are_all_down()) << "nobody asks it any more";
}

TEST(Backends, are_like_a_configuration_that_says_the_same_of_them) {
    const Backends backends(network({at(1), at(2)}));
    EXPECT_TRUE(backends.is_like(network({at(1), at(2)})));
    EXPECT_FALSE(backends.is_like(network({at(2), at(1)})));
    EXPECT_FALSE(backends.is_like(network({at(1), at(2, 2)})));
    EXPECT_FALSE(backends.is_like(network({at(1), at(2)}, Balance::random)));
    EXPECT_FALSE(backends.is_like(asked({at(1), at(2)})));
}

}  // namespace
}  // namespace inout::out::backends_test
