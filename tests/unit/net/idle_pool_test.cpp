// Which idle connection is taken, and which leave by themselves. The test is their other ends.
#include "common/net/idle_pool.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "../peer.hpp"

namespace inout::idle_pool_test {
namespace {

class IdlePoolTest : public testing::Test {
  protected:
    ~IdlePoolTest() override {
        pool->retire_all();
        settle();
        EXPECT_TRUE(context.stopped() && other.stopped()) << "something is pending";
        EXPECT_EQ(in_it(), 0U);
        EXPECT_EQ(counters().sockets, sockets);
    }

    /// Parks a connection; its other end. `there` is our descriptor.
    UniqueFd park(asio::io_context& at, int* there = nullptr) {
        TcpPair pair;
        ConnectionPtr connection = adopt_owned(at, std::move(pair.a));
        if (there != nullptr) *there = connection->fd();
        pool->park(std::move(connection), keep, [this] { ++lost; });
        return std::move(pair.b);
    }
    UniqueFd park() { return park(context); }
    ConnectionPtr take() { return pool->take(context.get_executor()); }
    static bool has(const ConnectionPtr& taken, const UniqueFd& end) {
        return taken && are_ends_of_one(taken->fd(), end.get());
    }
    void settle() {
        run_ready(context);
        run_ready(other);
    }
    bool becomes(const std::function<bool()>& condition) { return run_until(context, condition); }
    End end(UniqueFd& fd) { return Peer(context, std::move(fd)).end(); }

    /// As it is counted.
    std::size_t in_it() const { return counters().parked - parked; }

    const std::size_t sockets = counters().sockets, parked = counters().parked;
    asio::io_context context, other;
    int lost = 0;
    const std::shared_ptr<int> keep = std::make_shared<int>();
    const std::shared_ptr<IdlePool> pool = std::make_shared<IdlePool>(counters().parked);
};

TEST_F(IdlePoolTest, the_newest_is_taken_first) {
    const UniqueFd older = park(), newer = park();
    EXPECT_EQ(pool->size(), 2U);
    EXPECT_TRUE(has(take(), newer));
    EXPECT_TRUE(has(take(), older));
    EXPECT_FALSE(take());
    EXPECT_EQ(pool->size(), 0U);
}

TEST_F(IdlePoolTest, one_of_the_same_worker_is_picked_before_a_newer_one_of_another) {
    const UniqueFd own = park(), foreign = park(other);
    const auto first = pool->pick(context.get_executor());
    ASSERT_TRUE(first);
    EXPECT_EQ(first->executor(), context.get_executor());
    EXPECT_TRUE(has(first->claim(), own));
    const auto second = pool->pick(context.get_executor());
    ASSERT_TRUE(second);
    EXPECT_EQ(second->executor(), other.get_executor());
    EXPECT_TRUE(has(second->claim(), foreign));
    EXPECT_FALSE(pool->pick(context.get_executor()));
}

TEST_F(IdlePoolTest, only_one_of_the_same_worker_is_taken_as_it_is) {
    const UniqueFd foreign = park(other);
    EXPECT_FALSE(take());
    EXPECT_TRUE(has(pool->take(other.get_executor()), foreign));
}

TEST_F(IdlePoolTest, one_that_ends_leaves_and_says_so) {
    for (const bool cleanly : {true, false}) {
        UniqueFd dead = park();
        const int before = lost;
        if (cleanly) {
            dead.reset();
        } else {
            reset(dead);
        }
        EXPECT_TRUE(becomes([&] { return lost == before + 1; }));
        EXPECT_EQ(pool->size(), 0U);
        EXPECT_EQ(in_it(), 0U);
        EXPECT_EQ(keep.use_count(), 1);
    }
}

TEST_F(IdlePoolTest, one_whose_end_only_the_kernel_knows_is_not_taken) {
    const UniqueFd alive = park();
    int there = -1;
    UniqueFd dead = park(context, &there);
    reset(dead);
    ASSERT_TRUE(eventually([&] { return sample_tcp(there).closed; }));
    EXPECT_TRUE(has(take(), alive));
    EXPECT_EQ(lost, 0) << "it was found at a use";
}

TEST_F(IdlePoolTest, one_that_talks_out_of_turn_is_reset) {
    UniqueFd talking = park();
    const UniqueFd quiet = park();
    ASSERT_EQ(::send(talking.get(), "x", 1, 0), 1);
    EXPECT_EQ(end(talking), End::rst);
    EXPECT_EQ(lost, 1);
    EXPECT_EQ(pool->size(), 1U);
}

TEST_F(IdlePoolTest, one_whose_bytes_only_the_kernel_knows_is_not_taken) {
    int there = -1;
    UniqueFd talking = park(context, &there);
    ASSERT_EQ(::send(talking.get(), "x", 1, 0), 1);
    ASSERT_TRUE(eventually([&] { return has_input(there); }));
    EXPECT_FALSE(take());
    EXPECT_EQ(end(talking), End::rst);
}

TEST_F(IdlePoolTest, the_watch_of_what_was_taken_is_over) {
    const UniqueFd out = park();
    settle();
    const ConnectionPtr taken = take();
    EXPECT_EQ(in_it(), 0U);
    EXPECT_EQ(keep.use_count(), 1);
    ASSERT_EQ(::send(out.get(), "x", 1, 0), 1);
    ASSERT_TRUE(eventually([&] { return taken->has_input(); }));
    settle();
    EXPECT_TRUE(context.stopped()) << "nobody waits for it";
    EXPECT_TRUE(taken->is_open());
    EXPECT_EQ(lost, 0);
}

TEST_F(IdlePoolTest, bytes_that_come_just_before_it_is_claimed_are_no_way_out_of_that) {
    UniqueFd out = park();
    const auto picked = pool->pick(context.get_executor());
    ASSERT_EQ(::send(out.get(), "x", 1, 0), 1);
    EXPECT_TRUE(becomes([&] { return context.stopped(); })) << "it is watched until then";
    EXPECT_FALSE(picked->claim());
    EXPECT_EQ(lost, 0) << "it had been picked";
    EXPECT_EQ(end(out), End::rst);
}

TEST_F(IdlePoolTest, what_was_taken_may_be_given_back) {
    const UniqueFd out = park();
    for (int i = 0; i < 3; ++i) {
        ConnectionPtr taken = take();
        ASSERT_TRUE(has(taken, out));
        pool->park(std::move(taken));
        EXPECT_EQ(pool->size(), 1U);
        settle();
    }
    EXPECT_TRUE(has(take(), out));
}

TEST_F(IdlePoolTest, what_is_too_much_is_retired_the_oldest_first) {
    UniqueFd oldest = park(), older = park(other);
    const UniqueFd newest = park();
    pool->retire(2);
    EXPECT_EQ(in_it(), 1U);
    settle();
    EXPECT_EQ(end(oldest), End::rst);
    EXPECT_EQ(end(older), End::rst);
    EXPECT_TRUE(has(take(), newest));
    EXPECT_EQ(lost, 0);
}

TEST_F(IdlePoolTest, what_can_be_used_again_is_ended_with_fin_behind_what_it_had_to_send) {
    TcpPair pair;
    const std::size_t size = fill(pair.a.get());
    pool->park(adopt_owned(context, std::move(pair.a)), keep, {}, Use::again);
    pool->retire_all();
    settle();
    EXPECT_EQ(counters().sockets, sockets);
    EXPECT_EQ(drain(pair.b.get(), size), size);
    EXPECT_EQ(end(pair.b), End::fin);
}

TEST_F(IdlePoolTest, whether_it_can_be_used_again_is_told_with_it) {
    TcpPair pair;
    pool->park(adopt_owned(context, std::move(pair.a)), {}, {}, Use::again);
    const UniqueFd once = park();
    Use use = Use::again;
    EXPECT_TRUE(has(pool->take(context.get_executor(), &use), once));
    EXPECT_EQ(use, Use::once);
    const auto picked = pool->pick(context.get_executor());
    ASSERT_TRUE(picked);
    EXPECT_EQ(picked->use(), Use::again);
    EXPECT_TRUE(has(picked->claim(), pair.b));
}

TEST_F(IdlePoolTest, what_is_old_is_retired) {
    EXPECT_FALSE(pool->oldest());
    UniqueFd old = park();
    const auto then = Clock::now();
    ASSERT_TRUE(soon([&] { return Clock::now() > then; }));
    const UniqueFd young = park();
    EXPECT_LE(pool->oldest(), then);
    pool->retire(0, then);
    EXPECT_GT(pool->oldest(), then);
    EXPECT_EQ(end(old), End::rst);
    EXPECT_TRUE(has(take(), young));
    pool->retire(0, Clock::now());
}

TEST_F(IdlePoolTest, what_is_retired_gives_up_what_it_kept_at_once_and_is_closed_on_its_thread) {
    int there = -1;
    UniqueFd out = park(context, &there);
    std::thread([this] { pool->retire_all(); }).join();
    EXPECT_EQ(pool->size(), 0U);
    EXPECT_EQ(keep.use_count(), 1);
    EXPECT_EQ(counters().sockets, sockets + 1) << "not on another thread";
    EXPECT_EQ(end(out), End::rst);
}

TEST_F(IdlePoolTest, others_may_pick_and_retire_while_its_worker_parks_and_loses) {
    std::optional<asio::executor_work_guard<Executor>> work(other.get_executor());
    std::thread thread([this] { other.run(); });
    std::atomic<int> claimed{0}, gone{0};
    int picked = 0;
    for (int round = 0; round < 200; ++round) {
        auto pair = std::make_shared<TcpPair>();
        UniqueFd end = std::move(pair->b);
        asio::post(other, [this, pair, &gone] {
            pool->park(adopt_owned(other, std::move(pair->a)), {}, [&gone] { ++gone; });
        });
        if (round % 2 == 0) reset(end);
        if (round % 3 == 0) pool->retire(1);
        if (auto one = pool->pick(context.get_executor())) {
            ++picked;
            asio::post(other, [one, &claimed] {
                if (one->claim()) ++claimed;
            });
        }
    }
    pool->retire_all();
    work.reset();
    thread.join();  // nothing is left there to wait for
    pool->retire_all();
    EXPECT_LE(claimed, picked);
    EXPECT_LE(gone + picked, 200);
}

}  // namespace
}  // namespace inout::idle_pool_test
