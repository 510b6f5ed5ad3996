// Parked connections that go to a stream on another worker, with a thread for each of the two.
#include <array>
#include <thread>

#include "wanting_streams.hpp"

namespace inout::proxy::data_pool_threads_test {
namespace {

/// `other` on a thread of its own.
class DataPoolOnTwoThreads : public WantingStreams {
  protected:
    DataPoolOnTwoThreads() : thread([this] { other.run(); }) {}
    ~DataPoolOnTwoThreads() override {
        pool->close();
        other.context().stop();
        thread.join();
    }
    /// Parks one there, from there, and does not wait for that.
    UniqueFd park_there(bool reusable = false) {
        auto pair = std::make_shared<TcpPair>();
        UniqueFd out = std::move(pair->b);
        asio::post(other.context(), [this, pair, reusable] {
            pool->park(adopt_owned(other.context(), std::move(pair->a)), reusable);
        });
        return out;
    }
    /// Bytes arrive where the stream is, whose connection has come there.
    void expect_works(WantingStream& served, const UniqueFd& out) {
        ASSERT_TRUE(served.has(out));
        ASSERT_EQ(::send(out.get(), "hello", 5, MSG_NOSIGNAL), 5);
        const auto error = run(worker.context(), served.taken->connection->read_ahead(5));
        EXPECT_TRUE(error && !*error);
        EXPECT_EQ(served.taken->connection->unread(), "hello");
    }

    std::thread thread;
};

TEST_F(DataPoolOnTwoThreads, a_connection_comes_to_the_worker_of_its_stream) {
    open(0);
    for (int round = 0; round < 100; ++round) {
        // Waiting, then parked, or the other way round, as it comes.
        const UniqueFd out = park_there();
        WantingStream& wanting = streams.emplace_back(worker);
        wanting.take_from(pool, Clock::now() + kPatience);
        ASSERT_TRUE(becomes([&] { return wanting.taken.has_value(); }));
        expect_works(wanting, out);
        streams.clear();
    }
}

TEST_F(DataPoolOnTwoThreads, one_that_comes_back_stays_with_the_worker_of_its_last_stream) {
    open(0);
    for (int round = 0; round < 100; ++round) {
        WantingStream& first = streams.emplace_back(worker);
        first.take_from(pool, Clock::now() + kPatience);
        const UniqueFd out = park_there(true);
        ASSERT_TRUE(becomes([&] { return first.taken.has_value(); }));
        expect_works(first, out);
        first.taken->connection->take(5);
        // Another thread parks and takes meanwhile.
        const UniqueFd more = park_there(true);
        first.taken->lease.give_back(std::move(first.taken->connection));
        WantingStream& second = streams.emplace_back(worker);
        second.take_from(pool, Clock::now() + kPatience);
        ASSERT_TRUE(becomes([&] { return second.taken.has_value(); }));
        ASSERT_TRUE(second.is_served());
        EXPECT_FALSE(second.taken->lease.is_empty());
        expect_works(second, second.has(out) ? out : more);
        pool->shed();
        streams.clear();
    }
}

TEST_F(DataPoolOnTwoThreads,
       none_is_lost_or_taken_twice_when_some_die_and_streams_leave_meanwhile) {
    open(2);
    for (int round = 0; round < 100; ++round) {
        UniqueFd dying = park_there();
        const UniqueFd alive = park_there();
        WantingStream& leaving = streams.emplace_back(worker);
        WantingStream& staying = streams.emplace_back(worker);
        leaving.take_from(pool, Clock::now() + kPatience);
        staying.take_from(pool, Clock::now() + kPatience);
        reset(dying);
        reset(leaving.pair.b);
        // Either may have got the one that is alive before the other's reset was seen.
        UniqueFd more;
        ASSERT_TRUE(becomes([&] {
            if (leaving.is_served() && !more) more = park_there();
            return leaving.taken && staying.taken;
        }));
        EXPECT_EQ(staying.taken->result, DataPool::Taken::ok);
        const bool twice = leaving.is_served() &&
                           leaving.taken->connection->fd() == staying.taken->connection->fd();
        EXPECT_FALSE(twice);
        pool->shed();
        streams.clear();
    }
}

}  // namespace
}  // namespace inout::proxy::data_pool_threads_test
