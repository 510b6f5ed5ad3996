// Data connections that carry one stream after another: who gets one that comes back, and which are
// asked for, kept and ended.
#include "wanting_streams.hpp"

namespace inout::proxy::data_pool_lease_test {
namespace {

using Taken = DataPool::Taken;
using Lease = DataPool::Lease;

class DataPoolLease : public WantingStreams {
  protected:
    ~DataPoolLease() override {
        if (pool) pool->close();
        streams.clear();
    }
    /// Parks one that can be used again; its other end.
    UniqueFd park_reusable(Worker& at) {
        TcpPair pair;
        pool->park(adopt_owned(at.context(), std::move(pair.a)), true);
        return std::move(pair.b);
    }
    UniqueFd park_reusable() { return park_reusable(worker); }
    /// Its stream has ended.
    static void give_back(WantingStream& stream, bool worn_out = false) {
        Lease lease = std::move(stream.taken->lease);
        lease.give_back(std::move(stream.taken->connection), worn_out);
        EXPECT_TRUE(lease.is_empty());
    }
};

TEST_F(DataPoolLease, one_stream_after_another_gets_the_same_and_none_is_asked_for) {
    open(0);
    WantingStream& first = stream();
    const UniqueFd out = park_reusable();
    settle();
    ASSERT_TRUE(first.has(out));
    EXPECT_FALSE(first.taken->lease.is_empty());
    give_back(first);
    const std::size_t before = asked;
    for (int i = 0; i < 10; ++i) {
        WantingStream& next = stream();
        ASSERT_TRUE(next.has(out));
        give_back(next);
    }
    EXPECT_EQ(asked, before);
}

TEST_F(DataPoolLease, one_that_carries_a_single_stream_is_not_lent) {
    open(1);
    const UniqueFd out = park();
    WantingStream& served = stream();
    ASSERT_TRUE(served.has(out));
    EXPECT_TRUE(served.taken->lease.is_empty());
}

TEST_F(DataPoolLease, a_stream_that_waits_gets_one_that_comes_back) {
    open(0);
    WantingStream& first = stream();
    const UniqueFd out = park_reusable();
    settle();
    ASSERT_TRUE(first.has(out));
    WantingStream& waiting = stream();
    ASSERT_FALSE(waiting.taken);
    give_back(first);
    settle();
    ASSERT_TRUE(waiting.has(out));
    EXPECT_FALSE(waiting.taken->lease.is_empty());
}

TEST_F(DataPoolLease, a_stream_to_which_one_comes_back_that_has_died_gets_the_next) {
    open(0);
    WantingStream& first = stream();
    UniqueFd dying = park_reusable();
    settle();
    ASSERT_TRUE(first.has(dying));
    WantingStream& waiting = stream();
    reset(dying);
    ASSERT_TRUE(eventually([&] { return sample_tcp(first.taken->connection->fd()).closed; }));
    give_back(first);
    settle();
    EXPECT_FALSE(waiting.taken);
    const UniqueFd alive = park_reusable();
    settle();
    EXPECT_TRUE(waiting.has(alive));
}

TEST_F(DataPoolLease, one_that_is_lost_is_replaced) {
    open(1);
    const UniqueFd out = park_reusable(), beside = park_reusable();
    WantingStream& lost = stream();
    ASSERT_TRUE(lost.is_served());
    EXPECT_EQ(asked, 1U) << "there is one more than it needs";
    give_back(lost);
    WantingStream& next = stream();
    ASSERT_TRUE(next.is_served());
    const std::size_t before = asked;
    next.taken->lease = {};  // it goes on by itself
    EXPECT_EQ(asked, before + 1);
    EXPECT_TRUE(next.taken->connection->is_open());
    next.taken.reset();
    EXPECT_EQ(asked, before + 1) << "once";
}

TEST_F(DataPoolLease, one_that_moves_is_one_lease) {
    open(0);
    WantingStream& served = stream();
    const UniqueFd out = park_reusable();
    settle();
    ASSERT_TRUE(served.has(out));
    const std::size_t before = asked;
    Lease first = std::move(served.taken->lease);
    Lease second;
    second = std::move(first);
    EXPECT_EQ(asked, before);
    EXPECT_FALSE(second.is_empty());
    second.give_back(std::move(served.taken->connection));
    EXPECT_TRUE(stream().has(out));
}

TEST_F(DataPoolLease, after_the_end_of_the_registration_it_is_ended_with_fin) {
    open(0);
    WantingStream& served = stream();
    UniqueFd out = park_reusable();
    settle();
    ASSERT_TRUE(served.has(out));
    pool->close();
    const std::size_t before = asked;
    give_back(served);
    EXPECT_EQ(end(out), End::fin);
    EXPECT_EQ(asked, before);
}

TEST_F(DataPoolLease, the_last_bytes_of_its_stream_arrive_before_its_end) {
    open(1);
    UniqueFd out = park_reusable();
    WantingStream& served = stream();
    ASSERT_TRUE(served.has(out));
    const std::size_t size = fill(served.taken->connection->fd());
    ASSERT_GT(size, 0U);
    give_back(served);
    pool->close();
    settle();
    EXPECT_EQ(drain(out.get(), size), size);
    EXPECT_EQ(end(out), End::fin);
}

TEST_F(DataPoolLease, one_that_is_worn_out_is_ended_with_fin_and_replaced) {
    open(1);
    UniqueFd out = park_reusable();
    WantingStream& served = stream();
    ASSERT_TRUE(served.has(out));
    const UniqueFd beside = park_reusable();
    const std::size_t before = asked;
    give_back(served, true);
    EXPECT_EQ(end(out), End::fin);
    EXPECT_EQ(asked, before + 1);
}

TEST_F(DataPoolLease, one_without_room_is_ended_with_fin_until_the_next_tick) {
    bool has_room = true;
    open(1, 10, 10, {.take = [&](auto&) { return has_room; }});
    UniqueFd out = park_reusable();
    WantingStream& served = stream();
    ASSERT_TRUE(served.has(out));
    const UniqueFd beside = park_reusable();
    has_room = false;
    const std::size_t before = asked;
    give_back(served);
    EXPECT_EQ(end(out), End::fin);
    EXPECT_EQ(asked, before);
    pool->tick();
    EXPECT_EQ(asked, before + 1);
}

TEST_F(DataPoolLease, none_comes_back_beyond_what_may_be_parked) {
    open(0, 1);
    WantingStream& one = stream();
    UniqueFd first = park_reusable();
    settle();
    WantingStream& late = stream();
    UniqueFd second = park_reusable();
    settle();
    ASSERT_TRUE(one.has(first) && late.has(second));
    give_back(one);
    give_back(late);
    EXPECT_EQ(end(second), End::fin);
    EXPECT_TRUE(stream().has(first));
}

TEST_F(DataPoolLease, without_a_pool_it_is_ended_with_fin) {
    TcpPair pair;
    Lease().give_back(adopt_owned(worker.context(), std::move(pair.a)));
    EXPECT_EQ(end(pair.b), End::fin);
}

TEST_F(DataPoolLease, what_gives_way_to_others_is_ended_with_fin) {
    open(1);
    UniqueFd one = park_reusable();
    WantingStream& served = stream();
    ASSERT_TRUE(served.has(one));
    give_back(served);
    pool->shed();
    EXPECT_EQ(end(one), End::fin);
}

TEST_F(DataPoolLease, one_that_dies_while_it_is_parked_is_replaced) {
    open(1);
    UniqueFd out = park_reusable();
    WantingStream& served = stream();
    ASSERT_TRUE(served.has(out));
    give_back(served);
    const std::size_t before = asked;
    out.reset();
    EXPECT_TRUE(becomes([&] { return asked == before + 1; }));
    EXPECT_FALSE(stream(Clock::now()).is_served());
}

TEST_F(DataPoolLease, a_lease_that_outlives_its_stream_s_pool_is_no_harm) {
    open(0);
    WantingStream& served = stream();
    const UniqueFd out = park_reusable();
    settle();
    ASSERT_TRUE(served.has(out));
    pool->close();
    pool.reset();
    served.taken.reset();
}

}  // namespace
}  // namespace inout::proxy::data_pool_lease_test
