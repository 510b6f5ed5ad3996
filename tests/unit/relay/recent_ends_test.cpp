#include "common/relay/recent_ends.hpp"

#include <gtest/gtest.h>

namespace inout::recent_ends_test {
namespace {

RecentEnd end_of(std::string id, bool was_open) {
    auto stream = std::make_shared<StreamRecord>(std::move(id), "t", "1.2.3.4:5", Endpoint());
    return {.stream = std::move(stream),
            .opened = was_open ? std::optional(Clock::now()) : std::nullopt,
            .reason = "done"};
}

std::string ids(const RecentEnds& ends, std::uint64_t after = 0, std::uint64_t before = UINT64_MAX,
                std::size_t limit = 100) {
    std::string all;
    for (const auto& end : ends.newest(after, before, limit)) all += end->stream->id;
    return all;
}

TEST(RecentEnds, keeps_nothing_before_somebody_can_ask) {
    RecentEnds ends;
    ends.add(end_of("a", true));
    EXPECT_EQ(ids(ends), "");
}

TEST(RecentEnds, gives_both_kinds_in_the_order_of_their_ends_the_newest_first) {
    RecentEnds ends;
    ends.keep(10);
    for (const char id : std::string("abcdef")) ends.add(end_of({id}, id == 'a' || id == 'd'));
    EXPECT_EQ(ids(ends), "fedcba");
    EXPECT_EQ(ids(ends, 0, UINT64_MAX, 2), "fe");
    EXPECT_EQ(ids(ends, 0, 5, 2), "dc");
    EXPECT_EQ(ids(ends, 4), "fe");
    EXPECT_EQ(ids(ends, 2, 5), "dc");
    EXPECT_EQ(ids(ends, 6), "");
    EXPECT_EQ(ids(ends, 0, 1), "");
}

TEST(RecentEnds, what_could_not_be_opened_pushes_out_nothing_that_was_open) {
    RecentEnds ends;
    ends.keep(2);
    for (const char id : std::string("abc")) ends.add(end_of({id}, true));
    for (const char id : std::string("0123456789")) ends.add(end_of({id}, false));
    EXPECT_EQ(ids(ends), "98cb");
}

TEST(RecentEnds, drops_what_is_too_much_for_another_size) {
    RecentEnds ends;
    ends.keep(10);
    for (const char id : std::string("abc")) ends.add(end_of({id}, true));
    const auto held = ends.newest(0, UINT64_MAX, 1);
    ends.keep(2);
    EXPECT_EQ(ids(ends), "cb");
    ends.keep(0);
    ends.add(end_of("d", true));
    EXPECT_EQ(ids(ends), "");
    EXPECT_EQ(held.front()->stream->id, "c") << "who has been given it keeps it";
}

}  // namespace
}  // namespace inout::recent_ends_test
