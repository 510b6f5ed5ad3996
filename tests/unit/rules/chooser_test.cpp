// Who gets the next stream, on a clock and with a chance of the test's own.
#include "common/rules/chooser.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <vector>

namespace inout::chooser_test {
namespace {

using namespace std::chrono_literals;

class ChooserTest : public testing::Test {
  protected:
    Candidate& add(unsigned weight = 1, bool backup = false) {
        return all.emplace_back("10.0.0." + std::to_string(all.size()) + ":80", weight, backup);
    }
    std::size_t one(Select select, std::string_view source = {}, double chance = 0) {
        std::vector<Offer> offers;
        for (std::size_t i = 0; i < all.size(); ++i) {
            offers.push_back({&all[i], i < running.size() ? running[i] : 0});
        }
        return choose(select, offers, now, source, chance).value();
    }
    std::vector<std::size_t> counts(Select select, std::size_t times) {
        std::vector<std::size_t> chosen(all.size());
        for (std::size_t i = 0; i < times; ++i) {
            ++chosen[one(select, {}, (static_cast<double>(i) + 0.5) / static_cast<double>(times))];
        }
        return chosen;
    }

    std::deque<Candidate> all;  // stays where it is
    std::vector<std::size_t> running;
    Clock::time_point now = Clock::now();
};

using Counts = std::vector<std::size_t>;
constexpr Select kEach[] = {Select::first,  Select::round_robin, Select::least_streams,
                            Select::random, Select::source,      Select::least_time};

TEST_F(ChooserTest, of_none_nobody_is_chosen) {
    EXPECT_FALSE(choose(Select::first, {}, now, {}, 0));
}

TEST_F(ChooserTest, first_is_the_first_that_does_not_rest) {
    add();
    add();
    EXPECT_EQ(one(Select::first), 0);
    all[0].rest.failed(now);
    EXPECT_EQ(one(Select::first), 1);
}

TEST_F(ChooserTest, round_robin_gives_each_its_weight_and_spreads_a_heavy_ones_turns) {
    add(5);
    add(1);
    add(1);
    std::string order;
    for (int i = 0; i < 7; ++i) order += std::to_string(one(Select::round_robin));
    EXPECT_EQ(order, "0010200");
    EXPECT_EQ(counts(Select::round_robin, 7'000), (Counts{5'000, 1'000, 1'000}));
}

TEST_F(ChooserTest, least_streams_looks_at_the_weight) {
    add(1);
    add(3);
    running = {1, 2};
    EXPECT_EQ(one(Select::least_streams), 1);
    running = {1, 4};
    EXPECT_EQ(one(Select::least_streams), 0);
}

TEST_F(ChooserTest, streams_that_stay_are_spread_by_weight) {
    add(1);
    add(2);
    add(3);
    running = {0, 0, 0};
    for (int i = 0; i < 600; ++i) ++running[one(Select::least_streams)];
    EXPECT_EQ(running, (Counts{100, 200, 300}));
}

TEST_F(ChooserTest, streams_that_end_at_once_are_spread_by_weight_too) {
    add(1);
    add(2);
    add(3);
    EXPECT_EQ(counts(Select::least_streams, 600), (Counts{100, 200, 300}));
}

TEST_F(ChooserTest, random_goes_by_weight) {
    add(1);
    add(3);
    EXPECT_EQ(counts(Select::random, 400), (Counts{100, 300}));
    EXPECT_EQ(one(Select::random, {}, 0.9999999999999999), 1);
}

TEST_F(ChooserTest, source_sends_a_client_to_the_same_one_and_goes_by_weight) {
    add(1);
    add(3);
    Counts chosen(2);
    for (int client = 0; client < 10'000; ++client) {
        const std::string address = "192.0.2." + std::to_string(client);
        const auto its = one(Select::source, address);
        EXPECT_EQ(one(Select::source, address), its);
        ++chosen[its];
    }
    EXPECT_NEAR(static_cast<double>(chosen[1]), 7'500, 250);
}

TEST_F(ChooserTest, when_one_goes_only_its_own_clients_move) {
    for (int i = 0; i < 5; ++i) add();
    std::vector<std::size_t> before;
    before.reserve(1'000);
    for (int client = 0; client < 1'000; ++client) {
        before.push_back(one(Select::source, std::to_string(client)));
    }
    all[2].rest.failed(now);
    for (int client = 0; client < 1'000; ++client) {
        const auto its = one(Select::source, std::to_string(client));
        const auto old = before[static_cast<std::size_t>(client)];
        EXPECT_EQ(its == old, old != 2);
    }
}

TEST_F(ChooserTest, least_time_tries_each_once_and_keeps_to_the_fastest) {
    add();
    add();
    all[0].time.took(100ms, now);
    EXPECT_EQ(one(Select::least_time), 1);  // not known yet
    all[1].time.took(150ms, now);
    EXPECT_EQ(one(Select::least_time), 0);
}

TEST_F(ChooserTest, a_slow_answer_counts_at_once_and_fades) {
    PeakTime time;
    time.took(10ms, now);
    time.took(500ms, now + 1s);
    EXPECT_DOUBLE_EQ(time.value(now + 1s), 0.5);
    time.took(10ms, now + 2s);
    EXPECT_GT(time.value(now + 2s), 0.4);
    EXPECT_LT(time.value(now + 60s), 0.01);
}

TEST_F(ChooserTest, backups_and_those_that_rest_come_last) {
    for (const Select select : kEach) {
        all.clear();
        add();
        add(100, true);
        EXPECT_EQ(one(select, "client", 0.9), 0) << static_cast<int>(select);
        all[0].rest.failed(now);
        EXPECT_EQ(one(select, "client", 0.1), 1) << static_cast<int>(select);
    }
}

TEST_F(ChooserTest, if_all_rest_the_one_whose_rest_ends_first_is_tried) {
    for (const Select select : kEach) {
        all.clear();
        add().rest.failed(now - 1s);
        add(1, true).rest.failed(now - 3s);
        add().rest.failed(now - 2s);
        EXPECT_EQ(one(select, "client", 0.9), 1) << static_cast<int>(select);
    }
}

TEST(SourceTest, is_the_address_without_its_port) {
    EXPECT_EQ(source_of("10.0.0.7:1234"), "10.0.0.7");
    EXPECT_EQ(source_of("[::1]:1234"), "[::1]");
    EXPECT_EQ(source_of(""), "");
    EXPECT_EQ(source_of("words"), "words");
}

}  // namespace
}  // namespace inout::chooser_test
