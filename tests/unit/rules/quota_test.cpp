// How many of something each name may have.
#include "common/rules/quota.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace inout::quota_test {
namespace {

using Place = std::unique_ptr<Quota::Place>;

TEST(Quota, each_name_has_its_own_places_and_gets_them_back) {
    Quota quota(2);
    std::vector<Place> places(5);
    EXPECT_TRUE(quota.take("a", places[0]));
    EXPECT_TRUE(quota.take("a", places[1]));
    EXPECT_FALSE(quota.take("a", places[2]));
    EXPECT_FALSE(places[2]);
    EXPECT_TRUE(quota.take("b", places[3]));
    places[0].reset();
    EXPECT_TRUE(quota.take("a", places[4]));
    EXPECT_FALSE(quota.take("a", places[2]));
}

TEST(Quota, without_a_limit_nothing_is_counted) {
    Quota quota(0);
    Place place;
    for (int i = 0; i < 1'000; ++i) ASSERT_TRUE(quota.take("a", place));
    EXPECT_FALSE(place);
}

TEST(Quota, a_new_limit_counts_for_who_comes_next) {
    Quota quota(3);
    std::vector<Place> places(4);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(quota.take("a", places[static_cast<std::size_t>(i)]));
    quota.set_limit(2);
    places[0].reset();
    EXPECT_FALSE(quota.take("a", places[0])) << "as many as it may";
    places[1].reset();
    EXPECT_TRUE(quota.take("a", places[1]));
    quota.set_limit(3);
    EXPECT_TRUE(quota.take("a", places[0]));
    EXPECT_FALSE(quota.take("a", places[3]));
}

TEST(Quota, what_was_not_counted_takes_no_place_when_a_limit_comes) {
    Quota quota(0);
    Place uncounted, first, second;
    ASSERT_TRUE(quota.take("a", uncounted));
    quota.set_limit(1);
    EXPECT_TRUE(quota.take("a", first));
    EXPECT_FALSE(quota.take("a", second));
    quota.set_limit(0);
    EXPECT_TRUE(quota.take("a", second));
    EXPECT_FALSE(second);
    quota.set_limit(1);
    EXPECT_FALSE(quota.take("a", second)) << "the first is still there";
    first.reset();
    EXPECT_TRUE(quota.take("a", second));
}

TEST(Quota, threads_never_hold_more_than_the_limit_together) {
    constexpr int kLimit = 3;
    Quota quota(kLimit);
    std::atomic<int> held{0}, most{0};
    const auto churn = [&] {
        std::vector<Place> own(kLimit);
        for (int i = 0; i < 20'000; ++i) {
            Place& place = own[static_cast<std::size_t>(i) % own.size()];
            if (place) {
                --held;
                place.reset();
            }
            if (!quota.take("a", place)) continue;
            const int now = ++held;
            for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
            }
        }
        for (Place& place : own) held -= place ? 1 : 0;
    };
    std::thread other(churn);
    churn();
    other.join();
    EXPECT_LE(most, kLimit);
    std::vector<Place> all(kLimit);
    for (Place& place : all) EXPECT_TRUE(quota.take("a", place)) << "all were given back";
}

}  // namespace
}  // namespace inout::quota_test
