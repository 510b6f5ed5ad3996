// What an identity may register counts by topic, from whichever thread it is asked for.
#include <gtest/gtest.h>

#include <array>
#include <barrier>
#include <functional>
#include <thread>

#include "proxy/directory.hpp"

namespace inout::proxy::topic_places_test {
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

TEST(TopicPlaces, of_topics_taken_in_the_same_moment_no_more_are_held_than_the_limit) {
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

TEST(TopicPlaces, a_topic_that_is_taken_in_the_same_moment_counts_once) {
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

TEST(TopicPlaces, topics_that_are_gone_are_given_back_and_another_identity_has_its_own) {
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

}  // namespace
}  // namespace inout::proxy::topic_places_test
