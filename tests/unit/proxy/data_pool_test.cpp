// Which parked connection a stream gets, and which are asked for, kept and closed.
#include "wanting_streams.hpp"

namespace inout::proxy::data_pool_test {
namespace {

using Taken = DataPool::Taken;
using DataPoolTest = WantingStreams;

TEST_F(DataPoolTest, as_many_as_the_pool_wants_are_asked_for_when_it_opens_and_one_for_each_taken) {
    open(2);
    EXPECT_EQ(asked, 2U);
    EXPECT_FALSE(asked_for_stream);
    const UniqueFd first = park(), second = park();
    EXPECT_EQ(asked, 2U);
    EXPECT_TRUE(stream().is_served());
    EXPECT_EQ(asked, 3U);
}

TEST_F(DataPoolTest, the_newest_is_taken_first) {
    open(2);
    const UniqueFd older = park(), newer = park();
    EXPECT_TRUE(stream().has(newer));
    EXPECT_TRUE(stream().has(older));
}

TEST_F(DataPoolTest, one_of_the_same_worker_is_taken_before_a_newer_one_of_another) {
    open(2);
    const UniqueFd own = park(worker), foreign = park(other);
    EXPECT_TRUE(stream().has(own));
}

TEST_F(DataPoolTest, one_that_dies_while_it_is_parked_is_replaced_and_not_handed_out) {
    open(2);
    const UniqueFd alive = park();
    UniqueFd dead = park();
    reset(dead);
    EXPECT_TRUE(becomes([&] { return asked == 3U; }));
    EXPECT_TRUE(stream().has(alive));
}

TEST_F(DataPoolTest, one_whose_end_only_the_kernel_knows_is_not_handed_out) {
    open(2);
    const UniqueFd alive = park();
    int there = -1;
    UniqueFd dead = park(worker, &there);
    reset(dead);
    ASSERT_TRUE(eventually([&] { return sample_tcp(there).closed; }));
    streams.emplace_back(worker).take_from(pool, Clock::now() + kPatience);
    ASSERT_TRUE(becomes([&] { return streams.back().taken.has_value(); }));
    EXPECT_TRUE(streams.back().has(alive));
}

TEST_F(DataPoolTest, one_that_talks_out_of_turn_is_dropped) {
    open(1);
    UniqueFd out = park();
    ASSERT_EQ(::send(out.get(), "x", 1, 0), 1);
    EXPECT_EQ(end(out), End::rst);
    EXPECT_TRUE(becomes([&] { return asked == 2U; }));
    EXPECT_FALSE(stream(Clock::now()).is_served());
}

TEST_F(DataPoolTest, streams_are_served_in_the_order_in_which_they_came) {
    open(0);
    WantingStream& first = stream();
    EXPECT_TRUE(asked_for_stream);
    WantingStream& second = stream();
    const UniqueFd one = park();
    settle();
    EXPECT_TRUE(first.has(one));
    EXPECT_FALSE(second.taken);
    const UniqueFd two = park();
    settle();
    EXPECT_TRUE(second.has(two));
}

TEST_F(DataPoolTest, a_stream_to_which_a_dead_one_comes_gets_the_next) {
    open(0);
    WantingStream& waiting = stream();
    TcpPair pair;
    ConnectionPtr data = adopt_owned(worker.context(), std::move(pair.a));
    reset(pair.b);
    ASSERT_TRUE(eventually([&] { return sample_tcp(data->fd()).closed; }));
    pool->park(std::move(data));
    settle();
    EXPECT_FALSE(waiting.taken);
    const UniqueFd alive = park();
    settle();
    EXPECT_TRUE(waiting.has(alive));
}

TEST_F(DataPoolTest, a_stream_whose_time_is_over_gets_nothing_and_is_not_waited_for) {
    open(1);
    WantingStream& late = stream(Clock::now());
    ASSERT_TRUE(becomes([&] { return late.taken.has_value(); }));
    EXPECT_EQ(late.taken->result, Taken::timeout);
    EXPECT_FALSE(late.taken->connection);
    const UniqueFd out = park();
    EXPECT_TRUE(stream().has(out));
}

TEST_F(DataPoolTest, a_stream_whose_client_resets_gives_up_and_the_next_one_is_served) {
    open(0);
    WantingStream& leaving = stream();
    WantingStream& next = stream();
    reset(leaving.pair.b);
    ASSERT_TRUE(becomes([&] { return leaving.taken.has_value(); }));
    EXPECT_EQ(leaving.taken->result, Taken::given_up);
    const UniqueFd out = park();
    settle();
    EXPECT_TRUE(next.has(out));
}

TEST_F(DataPoolTest, nothing_is_taken_or_asked_for_by_a_stream_that_nobody_wants_any_more) {
    open(1);
    const UniqueFd out = park();
    WantingStream& gone = streams.emplace_back(worker);
    gone.in.note_reset();
    gone.take_from(pool, Clock::now() + kPatience);
    settle();
    ASSERT_TRUE(gone.taken);
    EXPECT_EQ(gone.taken->result, Taken::given_up);
    EXPECT_EQ(asked, 1U);
    EXPECT_TRUE(stream().has(out));
}

TEST_F(DataPoolTest, no_more_streams_wait_than_may) {
    open(0, 10, 1);
    WantingStream& first = stream();
    WantingStream& second = stream();
    ASSERT_TRUE(second.taken);
    EXPECT_EQ(second.taken->result, Taken::too_many_waiting);
    const UniqueFd out = park();
    settle();
    EXPECT_TRUE(first.has(out));
}

TEST_F(DataPoolTest, closing_it_resets_what_is_parked_and_ends_the_waiting) {
    open(1);
    UniqueFd out = park();
    WantingStream& served = stream();
    ASSERT_TRUE(served.has(out));
    WantingStream& waiting = stream();
    pool->close();
    settle();
    ASSERT_TRUE(waiting.taken);
    EXPECT_EQ(waiting.taken->result, Taken::closed);
    EXPECT_TRUE(served.taken->connection->is_open()) << "what is taken is the stream's";
    pool->open();
    UniqueFd parked = park();
    pool->close();
    EXPECT_EQ(end(parked), End::rst);
}

TEST_F(DataPoolTest, a_closed_one_takes_and_gives_nothing_and_asks_for_nothing_until_it_is_opened) {
    open(1);
    pool->close();
    EXPECT_FALSE(pool->has_room());
    UniqueFd late = park();
    EXPECT_EQ(end(late), End::rst);
    WantingStream& refused = stream();
    ASSERT_TRUE(refused.taken);
    EXPECT_EQ(refused.taken->result, Taken::closed);
    pool->tick();
    pool->came_in_vain();
    EXPECT_EQ(asked, 1U);
    pool->open();
    EXPECT_EQ(asked, 2U);
    const UniqueFd out = park();
    EXPECT_TRUE(stream().has(out));
}

TEST_F(DataPoolTest, what_does_not_come_is_asked_for_again_while_a_stream_waits) {
    open(0);
    const auto begun = Clock::now();
    WantingStream& waiting = stream();
    const std::size_t first = asked;  // one for it, and one to be parked
    EXPECT_EQ(first, 2U);
    asked_for_stream = false;
    ASSERT_TRUE(becomes([&] { return asked > first; }));
    EXPECT_GE(Clock::now() - begun, kWaitingExpiry);
    EXPECT_EQ(asked, first + 1) << "what is to be parked may be late";
    EXPECT_TRUE(asked_for_stream);
    EXPECT_FALSE(waiting.taken);
}

TEST_F(DataPoolTest, none_is_parked_beyond_the_limit_but_a_stream_that_waits_gets_one) {
    open(1, 1);
    EXPECT_TRUE(pool->has_room());
    UniqueFd kept = park();
    EXPECT_FALSE(pool->has_room());
    UniqueFd surplus = park();
    EXPECT_EQ(end(surplus), End::rst);
    EXPECT_TRUE(stream().has(kept));
    WantingStream& waiting = stream();
    const UniqueFd out = park();
    settle();
    EXPECT_TRUE(waiting.has(out));
}

TEST_F(DataPoolTest, what_came_in_vain_is_asked_for_again_at_the_next_tick_or_for_a_stream) {
    open(1);
    pool->came_in_vain();
    EXPECT_EQ(asked, 1U);
    pool->tick();
    EXPECT_EQ(asked, 2U);
    pool->came_in_vain();
    EXPECT_EQ(asked, 2U);
    WantingStream& waiting = stream();
    EXPECT_EQ(asked, 3U);
    EXPECT_TRUE(asked_for_stream);
    const UniqueFd out = park();
    settle();
    EXPECT_TRUE(waiting.has(out));
}

TEST_F(DataPoolTest, without_a_share_of_the_descriptors_none_is_parked_or_asked_for_again) {
    open(1, 10, 10, {.take = [](auto&) { return false; }});
    UniqueFd refused = park();
    EXPECT_EQ(end(refused), End::rst);
    EXPECT_EQ(asked, 1U);
    pool->tick();
    EXPECT_EQ(asked, 2U);
}

TEST_F(DataPoolTest, where_there_is_no_room_only_what_a_stream_waits_for_is_asked_for) {
    open(1, 10, 10, {.is_there = [] { return false; }});
    EXPECT_EQ(asked, 0U);
    EXPECT_FALSE(pool->has_room());
    WantingStream& waiting = stream();
    EXPECT_EQ(asked, 1U);
    EXPECT_TRUE(pool->has_room()) << "for the stream";
    const UniqueFd out = park();
    settle();
    EXPECT_TRUE(waiting.has(out));
}

TEST_F(DataPoolTest, what_gives_way_to_others_is_reset_and_asked_for_at_the_next_tick) {
    open(2);
    UniqueFd one = park(), two = park();
    pool->shed();
    EXPECT_EQ(end(one), End::rst);
    EXPECT_EQ(end(two), End::rst);
    EXPECT_EQ(asked, 2U);
    pool->tick();
    EXPECT_EQ(asked, 4U);
}

TEST_F(DataPoolTest, a_tick_closes_the_oldest_of_what_is_too_much) {
    open(1);
    UniqueFd oldest = park(), older = park();
    const UniqueFd newest = park();
    pool->tick();
    EXPECT_EQ(end(oldest), End::rst);
    EXPECT_EQ(end(older), End::rst);
    EXPECT_TRUE(stream().has(newest));
}

TEST_F(DataPoolTest, a_pool_that_lends_serves_streams_until_none_has_come_for_long) {
    open(1);
    pool->close();
    asked = 0;
    EXPECT_FALSE(pool->is_open());
    pool->lend_out(Clock::now());
    EXPECT_TRUE(pool->is_open());
    EXPECT_EQ(asked, 0U) << "the stream does, and says that it waits";
    WantingStream& waiting = stream();
    EXPECT_TRUE(asked_for_stream);
    EXPECT_TRUE(pool->is_awaited());
    const UniqueFd first = park();
    settle();
    EXPECT_TRUE(waiting.has(first));
    UniqueFd kept = park();
    EXPECT_EQ(pool->parked(), 1U);
    pool->tick();
    EXPECT_EQ(pool->parked(), 1U);
    pool->lend_out(Clock::now() - kLendTime);  // as if that had been the last one
    pool->tick();
    EXPECT_FALSE(pool->is_open());
    EXPECT_EQ(end(kept), End::rst);
}

TEST_F(DataPoolTest, a_pool_that_lends_does_not_end_while_a_stream_waits_nor_when_it_is_promoted) {
    open(0);
    pool->close();
    pool->lend_out(Clock::now() - kLendTime);
    WantingStream& waiting = stream();
    pool->tick();
    EXPECT_TRUE(pool->is_open());
    const UniqueFd out = park();
    settle();
    EXPECT_TRUE(waiting.has(out));
    pool->open();
    pool->lend_out(Clock::now() - kLendTime);
    pool->tick();
    EXPECT_TRUE(pool->is_open());
}

}  // namespace
}  // namespace inout::proxy::data_pool_test
