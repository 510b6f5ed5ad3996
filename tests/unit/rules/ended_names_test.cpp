// What ended is remembered for its time, and no more of it than the bound.
#include "common/rules/ended_names.hpp"

#include <gtest/gtest.h>

namespace inout::ended_names_test {
namespace {

using namespace std::chrono_literals;

class EndedNamesTest : public testing::Test {
  protected:
    const Clock::time_point start = Clock::now();
    EndedNames ended{10s, 3};
};

TEST_F(EndedNamesTest, a_name_that_never_ended_is_not_known) {
    EXPECT_FALSE(ended.has("a", start));
    ended.add("a", start);
    EXPECT_FALSE(ended.has("b", start));
}

TEST_F(EndedNamesTest, an_end_is_remembered_for_its_time_and_not_longer) {
    ended.add("a", start);
    EXPECT_EQ(ended.last_end("a", start + 9'999ms), start);
    EXPECT_FALSE(ended.has("a", start + 10s));
}

TEST_F(EndedNamesTest, what_ends_again_is_remembered_from_its_last_end_on) {
    ended.add("a", start);
    ended.add("a", start + 6s);
    EXPECT_EQ(ended.last_end("a", start + 15s), start + 6s);
    ended.add("b", start + 12s);  // drops the first of the ends of "a", not the other one
    EXPECT_EQ(ended.last_end("a", start + 15s), start + 6s);
    EXPECT_FALSE(ended.has("a", start + 16s));
}

TEST_F(EndedNamesTest, beyond_the_bound_the_oldest_end_is_forgotten) {
    for (const auto* name : {"a", "b", "c", "d"}) ended.add(name, start);
    EXPECT_EQ(ended.size(), 3U);
    EXPECT_FALSE(ended.has("a", start));
    for (const auto* name : {"b", "c", "d"}) EXPECT_TRUE(ended.has(name, start)) << name;
}

TEST_F(EndedNamesTest, one_name_that_ends_again_and_again_is_bounded_too_and_stays_known) {
    for (int i = 0; i < 100; ++i) ended.add("a", start);
    EXPECT_EQ(ended.size(), 3U);
    EXPECT_TRUE(ended.has("a", start));
    for (const auto* name : {"b", "c", "d"}) ended.add(name, start);
    EXPECT_FALSE(ended.has("a", start));
}

TEST_F(EndedNamesTest, what_is_over_is_dropped_when_something_else_ends) {
    ended.add("a", start);
    ended.add("b", start);
    ended.add("c", start + 10s);
    EXPECT_EQ(ended.size(), 1U);
}

}  // namespace
}  // namespace inout::ended_names_test
