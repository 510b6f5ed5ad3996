// Spare connections to a proxy, which is the test.
#include "common/app/spare_pool.hpp"

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include "../far_connection.hpp"
#include "../peer.hpp"

namespace inout::spare_pool_test {
namespace {

using namespace std::chrono_literals;

class SparePoolTest : public testing::Test {
  protected:
    SparePoolTest() {
        listener.emplace();
        TrustStores trusts;
        auto made =
            ProxyLink::make({"127.0.0.1", listener->port()}, std::nullopt, std::nullopt, trusts);
        EXPECT_TRUE(made);
        pool = std::make_shared<SparePool>(worker, std::move(*made),
                                           Dialling{config.connect_timeout, config.open_timeout},
                                           budget, 0);
    }
    ~SparePoolTest() override {
        pool->close();
        listener.reset();
        EXPECT_TRUE(becomes([this] { return is_idle() && spares() == 0; }));
        EXPECT_EQ(budget.used(0), 0U);
    }

    bool becomes(const std::function<bool()>& condition) {
        return run_until(worker.context(), condition);
    }
    /// Nothing is being dialled.
    bool is_idle() const { return counters().tasks == tasks; }
    static std::size_t spares() { return counters().warm; }
    /// A proxy at the other end of `connection` has answered a client's request.
    void learn(const ConnectionPtr& connection, std::optional<Milliseconds> warm = kSpareKept) {
        pool->learn(*connection, Response{.request = "InRequest", .ext = true, .warm = warm});
    }
    /// A client was served by a proxy for which spare connections pay.
    void learn_of_far_proxy(Milliseconds warm = kSpareKept) {
        pool->take();
        learn(connection_from_afar(worker.context()), warm);
    }
    /// The next spare connection's other end; it has asked.
    Peer next_asking() {
        Peer peer(worker.context(), *listener);
        const auto request = peer.hear<InWarmRequest>();
        EXPECT_TRUE(request && request->version == "0.0.1" && !request->proof);
        return peer;
    }
    /// The next one, which is kept.
    Peer next_kept() {
        Peer peer = next_asking();
        const std::size_t before = spares();
        peer.say(Response{.request = "InWarmRequest", .ext = true, .warm = kSpareKept});
        EXPECT_TRUE(becomes([&] { return spares() == before + 1; }));
        return peer;
    }
    /// A connection that a stream has left, and its other end.
    struct Returned {
        explicit Returned(asio::io_context& context)
            : connection(adopt_owned(context, std::move(pair.a))) {}
        TcpPair pair;
        ConnectionPtr connection;
    };
    /// It is given back; the other end.
    UniqueFd give_back(bool worn_out = false) {
        Returned returned(worker.context());
        pool->give_back(std::move(returned.connection), worn_out);
        return std::move(returned.pair.b);
    }
    End end(UniqueFd& fd) { return Peer(worker.context(), std::move(fd)).end(); }
    /// A client's connection to a proxy for which only those pay that come back.
    ConnectionPtr connection_from_near() {
        ConnectionPtr near;
        EXPECT_TRUE(eventually([&] {  // a busy machine may take its time
            near = Returned(worker.context()).connection;
            return round_trip(near->fd()) < kSpareRoundTripMin;
        }));
        return near;
    }
    /// A client was served by such a proxy.
    void learn_of_near_proxy(std::optional<Milliseconds> warm = kSpareKept) {
        pool->take();
        learn(connection_from_near(), warm);
        EXPECT_TRUE(is_idle());
    }
    static bool has(const ConnectionPtr& taken, const UniqueFd& fd) {
        return taken && are_ends_of_one(taken->fd(), fd.get());
    }
    static bool has(const ConnectionPtr& taken, Peer& peer) {
        return taken && are_ends_of_one(taken->fd(), peer.fd().get());
    }

    /// How long it may leave something unacknowledged, in ms; 0: as long as it takes.
    static unsigned patience(const ConnectionPtr& connection) {
        unsigned ms = 0;
        socklen_t size = sizeof ms;
        EXPECT_EQ(getsockopt(connection->fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size), 0);
        return ms;
    }

    const std::size_t tasks = counters().tasks;
    const InConfig config = default_in_config();
    Budget budget{100, 1};
    std::optional<PollingListener> listener;
    Worker worker{RelayOptions{}};
    std::shared_ptr<SparePool> pool;
};

TEST_F(SparePoolTest, nothing_is_dialled_before_a_proxy_has_said_that_it_keeps_some) {
    EXPECT_FALSE(pool->take());
    learn(connection_from_afar(worker.context()), std::nullopt);
    EXPECT_TRUE(is_idle());
}

TEST_F(SparePoolTest, a_near_proxy_and_one_that_keeps_them_too_short_get_none) {
    learn_of_near_proxy();
    learn(connection_from_afar(worker.context()), 2 * kSpareKeptMin - 1ms);
    EXPECT_TRUE(is_idle());
}

TEST_F(SparePoolTest, after_a_client_some_are_dialled_and_the_newest_is_used_first) {
    learn_of_far_proxy();
    Peer older = next_kept(), newer = next_kept();
    EXPECT_TRUE(is_idle());
    EXPECT_EQ(budget.used(0), kSpareMin);
    auto first = pool->take();
    EXPECT_TRUE(has(first, newer));
    Peer replacement = next_kept();
    auto second = pool->take();
    EXPECT_TRUE(has(second, replacement));
    auto third = pool->take();
    EXPECT_TRUE(has(third, older));
    EXPECT_FALSE(pool->take());
}

TEST_F(SparePoolTest, one_that_has_died_is_not_used) {
    learn_of_far_proxy();
    Peer alive = next_kept(), dead = next_kept();
    reset(dead.fd());
    ASSERT_TRUE(becomes([] { return spares() == 1; }));
    auto taken = pool->take();
    EXPECT_TRUE(has(taken, alive));
}

TEST_F(SparePoolTest, one_on_which_the_proxy_talks_out_of_turn_is_reset) {
    learn_of_far_proxy();
    const Peer talking = next_kept(), quiet = next_kept();
    talking.say(Ping{});
    EXPECT_EQ(talking.end(), End::rst);
    EXPECT_EQ(spares(), 1U);
}

TEST_F(SparePoolTest, a_proxy_that_refuses_one_is_left_alone_for_a_while) {
    learn_of_far_proxy();
    const Peer kept = next_kept();
    const Peer refused = next_asking();
    refused.say(Response{.request = "InWarmRequest",
                         .message = "no spare connection is taken now",
                         .ext = true,
                         .code = Code::limit});
    EXPECT_NE(refused.end(), End::none);
    EXPECT_TRUE(becomes([this] { return is_idle(); }));
    EXPECT_TRUE(pool->take());
    EXPECT_FALSE(pool->take());
    EXPECT_TRUE(is_idle()) << "none is dialled";
}

TEST_F(SparePoolTest, when_one_was_dead_at_its_use_all_are_reset) {
    learn_of_far_proxy();
    const Peer one = next_kept(), other = next_kept();
    pool->drop_all();
    EXPECT_EQ(budget.used(0), 0U);
    EXPECT_EQ(one.end(), End::rst);
    EXPECT_EQ(other.end(), End::rst);
    EXPECT_FALSE(pool->take());
}

TEST_F(SparePoolTest, after_its_end_none_is_kept_or_dialled_any_more) {
    learn_of_far_proxy();
    const Peer kept = next_kept(), asking = next_asking();
    pool->close();
    EXPECT_EQ(kept.end(), End::rst);
    asking.say(Response{.request = "InWarmRequest", .ext = true, .warm = kSpareKept});
    EXPECT_EQ(asking.end(), End::rst);
    EXPECT_TRUE(becomes([this] { return is_idle(); }));
    EXPECT_FALSE(pool->take());
    EXPECT_TRUE(is_idle());
}

TEST_F(SparePoolTest, none_is_dialled_when_half_of_the_descriptors_are_taken) {
    Budget::Places streams;
    ASSERT_TRUE(budget.take(0, budget.most() / 2 - 1, streams));
    learn_of_far_proxy();
    Peer only = next_kept();
    EXPECT_TRUE(is_idle());
    auto taken = pool->take();
    EXPECT_TRUE(has(taken, only));
}

TEST_F(SparePoolTest, one_that_comes_back_is_kept_for_the_next_client_however_near_the_proxy_is) {
    learn_of_near_proxy();
    const UniqueFd older = give_back(), newer = give_back();
    EXPECT_EQ(budget.used(0), 2U);
    EXPECT_EQ(spares(), 2U);
    for (int i = 0; i < 3; ++i) {
        auto taken = pool->take();
        ASSERT_TRUE(has(taken, newer));
        pool->give_back(std::move(taken));
    }
    auto first = pool->take(), second = pool->take();
    EXPECT_TRUE(has(first, newer));
    EXPECT_TRUE(has(second, older));
    EXPECT_FALSE(pool->take());
    EXPECT_EQ(budget.used(0), 0U);
    EXPECT_TRUE(is_idle()) << "none is dialled";
}

TEST_F(SparePoolTest, one_that_has_rested_fails_sooner_until_a_stream_runs_there) {
    learn_of_near_proxy();
    const UniqueFd rested = give_back();
    const auto taken = pool->take(250ms);
    ASSERT_TRUE(has(taken, rested));
    EXPECT_EQ(patience(taken), 250);
    learn(taken);
    EXPECT_EQ(patience(taken), 0);
}

TEST_F(SparePoolTest, one_that_was_just_used_has_shown_that_its_path_is_there) {
    learn_of_near_proxy();
    Returned returned(worker.context());
    returned.connection->frame(StreamFraming::Role::requester);
    pool->give_back(std::move(returned.connection));
    const auto taken = pool->take(250ms);
    ASSERT_TRUE(has(taken, returned.pair.b));
    EXPECT_EQ(patience(taken), 0);
}

TEST_F(SparePoolTest, those_that_come_back_count_where_some_are_opened_in_advance) {
    learn_of_far_proxy();
    const Peer one = next_kept(), other = next_kept();
    const UniqueFd back = give_back();
    auto taken = pool->take();
    EXPECT_TRUE(has(taken, back));
    EXPECT_TRUE(is_idle()) << "as many as are wanted are left";
    pool->give_back(std::move(taken));
    EXPECT_EQ(spares(), 3U);
}

TEST_F(SparePoolTest, one_that_comes_back_to_no_use_is_ended_with_fin) {
    UniqueFd early = give_back();
    EXPECT_EQ(end(early), End::fin) << "nobody has said that the proxy keeps some";
    learn_of_near_proxy();
    UniqueFd worn_out = give_back(true);
    EXPECT_EQ(end(worn_out), End::fin);
    learn_of_near_proxy(std::nullopt);
    UniqueFd unwanted = give_back();
    EXPECT_EQ(end(unwanted), End::fin);
    learn_of_near_proxy();
    const UniqueFd kept = give_back();
    pool->close();
    worker.context().restart();
    worker.context().poll();
    UniqueFd late = give_back();
    EXPECT_EQ(end(late), End::fin);
    EXPECT_EQ(spares(), 0U);
}

TEST_F(SparePoolTest, none_that_comes_back_is_kept_when_half_of_the_descriptors_are_taken) {
    learn_of_near_proxy();
    Budget::Places streams;
    ASSERT_TRUE(budget.take(0, budget.most() / 2 - 1, streams));
    const UniqueFd last = give_back();
    UniqueFd surplus = give_back();
    EXPECT_EQ(end(surplus), End::fin);
    EXPECT_TRUE(has(pool->take(), last));
}

TEST_F(SparePoolTest, one_that_came_back_and_gives_way_is_ended_with_fin) {
    learn_of_near_proxy();
    UniqueFd one = give_back();
    pool->drop_all();
    EXPECT_EQ(budget.used(0), 0U);
    EXPECT_EQ(end(one), End::fin);
    EXPECT_FALSE(pool->take());
}

TEST_F(SparePoolTest, one_that_came_back_and_ends_is_not_used) {
    learn_of_near_proxy();
    const UniqueFd alive = give_back();
    UniqueFd ending = give_back();
    ending.reset();
    EXPECT_TRUE(becomes([] { return spares() == 1; }));
    EXPECT_EQ(budget.used(0), 1U);
    EXPECT_TRUE(has(pool->take(), alive));
}

TEST_F(SparePoolTest, one_that_came_back_and_waits_too_long_ends_and_no_other_takes_its_place) {
    learn_of_near_proxy(4 * kSpareKeptMin);
    UniqueFd old = give_back();
    EXPECT_EQ(end(old), End::fin);
    EXPECT_EQ(spares(), 0U);
    UniqueFd next = give_back();
    EXPECT_EQ(end(next), End::fin) << "the timer runs again";
    EXPECT_TRUE(is_idle());
}

TEST_F(SparePoolTest, those_that_came_back_end_sooner_when_the_proxy_keeps_them_no_longer) {
    learn_of_near_proxy();
    UniqueFd kept = give_back();
    learn(connection_from_near(), std::nullopt);
    EXPECT_EQ(end(kept), End::fin);
}

TEST_F(SparePoolTest, an_old_one_is_reset_before_the_proxy_would_and_replaced_while_clients_come) {
    learn_of_far_proxy(2 * kSpareKeptMin);
    const Peer one = next_asking(), other = next_asking();
    for (const Peer* peer : {&one, &other}) {
        peer->say(Response{.request = "InWarmRequest", .ext = true, .warm = 2 * kSpareKeptMin});
    }
    EXPECT_EQ(one.end(), End::rst);
    EXPECT_EQ(other.end(), End::rst);
    next_asking();
}

}  // namespace
}  // namespace inout::spare_pool_test
