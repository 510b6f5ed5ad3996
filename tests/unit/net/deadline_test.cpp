#include "common/net/deadline.hpp"

#include <gtest/gtest.h>

#include "../loopback.hpp"

namespace inout::deadline_test {
namespace {

using namespace std::chrono_literals;

class DeadlineTest : public testing::Test {
  protected:
    DeadlineTest() : connection(adopt(context, std::move(pair.a))) {}

    /// Runs everything that is due by now.
    void run_due() {
        context.restart();
        context.poll();
    }
    /// Blocks, without running the context, until this moment has passed.
    static void pass(Clock::time_point moment) {
        eventually([&] { return Clock::now() > moment; });
    }

    asio::io_context context;
    TcpPair pair;
    Connection connection;
};

TEST_F(DeadlineTest, closes_the_connection_with_rst_when_it_passes) {
    Deadline deadline(connection);
    deadline.expires_after(1ms);
    EXPECT_TRUE(run_until(context, [&] { return connection.has_expired(); }));
    EXPECT_FALSE(connection.is_open());
    EXPECT_EQ(end_of(pair.b.get()), End::rst);
}

TEST_F(DeadlineTest, of_a_connection_that_waits_for_its_next_use_ends_it_with_fin) {
    Deadline deadline(connection, Use::again);
    deadline.expires_after(1ms);
    const auto error = run(context, connection.read_ahead(1));
    EXPECT_TRUE(error);
    EXPECT_TRUE(connection.has_expired());
    EXPECT_EQ(end_of(pair.b.get()), End::fin);
}

TEST_F(DeadlineTest, ends_what_its_owner_awaits) {
    Deadline deadline(connection);
    deadline.expires_after(1ms);
    const auto error = run(context, connection.read_ahead(1));
    EXPECT_EQ(error, asio::error::operation_aborted);
    EXPECT_TRUE(connection.has_expired());
}

TEST_F(DeadlineTest, does_not_pass_early) {
    Deadline deadline(connection);
    const auto when = Clock::now() + 20ms;
    deadline.expires_at(when);
    EXPECT_TRUE(run_until(context, [&] { return connection.has_expired(); }));
    EXPECT_GE(Clock::now(), when);
}

TEST_F(DeadlineTest, moves) {
    Deadline deadline(connection);
    deadline.expires_after(1h);
    deadline.expires_after(1ms);
    EXPECT_TRUE(run_until(context, [&] { return connection.has_expired(); }))
        << "to an earlier moment";
}

/// The timer's handler waits in the queue when the deadline moves: it must not strike.
TEST_F(DeadlineTest, an_expiry_that_is_already_queued_does_nothing_after_the_deadline_moved) {
    Deadline deadline(connection);
    const auto first = Clock::now() + 1ms;
    deadline.expires_at(first);
    asio::post(context, [&] {
        pass(first);
        // Queued behind the expiry that asio finds due after this handler.
        asio::post(context, [&] { deadline.expires_after(1h); });
        deadline.expires_after(1h);
    });
    pass(first);
    run_due();
    run_due();
    EXPECT_FALSE(connection.has_expired());
    EXPECT_TRUE(connection.is_open());
}

TEST_F(DeadlineTest, does_nothing_once_cancelled) {
    Deadline deadline(connection);
    const auto when = Clock::now() + 1ms;
    deadline.expires_at(when);
    deadline.cancel();
    pass(when);
    run_due();
    EXPECT_FALSE(connection.has_expired());
    EXPECT_TRUE(connection.is_open());
}

TEST_F(DeadlineTest, an_expiry_that_is_already_queued_does_nothing_after_its_end) {
    const auto when = Clock::now() + 1ms;
    {
        Deadline deadline(connection);
        deadline.expires_at(when);
        pass(when);
    }
    run_due();
    EXPECT_TRUE(connection.is_open());
}

}  // namespace
}  // namespace inout::deadline_test
