// The waits of connections: none is lost, none ends for nothing, each ends once.
#include "common/net/poller.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>

#include "../loopback.hpp"
#include "common/app/worker.hpp"

namespace inout::poller_test {
namespace {

/// One wait, and how it ended.
struct Wait : Waiter {
    void ready(std::error_code e) override {
        error = e;
        ++calls;
        if (then) then();
    }
    void abandon() override { abandoned = true; }
    bool succeeded() const { return calls == 1 && !error; }
    bool was_aborted() const { return calls == 1 && error == asio::error::operation_aborted; }

    std::error_code error;
    int calls = 0;
    bool abandoned = false;
    std::function<void()> then;
};

class PollerTest : public testing::Test {
  protected:
    void run_ready() {
        context.restart();
        context.poll();
    }
    bool becomes(const std::function<bool()>& condition) { return run_until(context, condition); }
    void send(std::string_view bytes, int flags = 0) const {
        EXPECT_EQ(::send(pair.b.get(), bytes.data(), bytes.size(), flags), std::ssize(bytes));
    }
    /// Reads until there is nothing more; what came, and whether that was the end.
    std::pair<std::string, bool> read() {
        std::string got;
        std::array<char, 100> buffer;
        ssize_t n = 0;
        while ((n = connection->receive(buffer)) > 0) {
            got.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return {got, n == 0};
    }

    asio::io_context context;
    TcpPair pair;  // `b` is the peer's
    ConnectionPtr connection = adopt_owned(context, std::move(pair.a));
    Wait wait, other;
};

TEST_F(PollerTest, a_wait_ends_when_something_comes_and_not_before) {
    EXPECT_EQ(read(), std::pair(std::string(), false));
    connection->wait_for_input(wait);
    run_ready();
    EXPECT_EQ(wait.calls, 0);
    send("x");
    EXPECT_TRUE(becomes([&] { return wait.succeeded(); }));
    EXPECT_EQ(read(), std::pair(std::string("x"), false));
    connection->wait_for_input(other);
    run_ready();
    EXPECT_EQ(other.calls, 0) << "it was read";
    send("y");
    EXPECT_TRUE(becomes([&] { return other.succeeded(); }));
}

TEST_F(PollerTest, what_came_before_the_wait_ends_it_but_not_within_it) {
    send("some");
    std::string one(1, '\0');
    ASSERT_TRUE(eventually([&] { return connection->receive(one) == 1; }));
    connection->wait_for_input(wait);
    EXPECT_EQ(wait.calls, 0);
    EXPECT_TRUE(becomes([&] { return wait.succeeded(); })) << "more is there, and was never told";
}

TEST_F(PollerTest, an_end_that_came_with_the_last_bytes_is_not_lost) {
    read();
    connection->wait_for_input(wait);
    send("bye");
    ASSERT_EQ(::shutdown(pair.b.get(), SHUT_WR), 0);
    ASSERT_TRUE(eventually([&] { return sample_tcp(pair.b.get()).all_acknowledged(); }));
    EXPECT_TRUE(becomes([&] { return wait.succeeded(); }));
    std::array<char, 100> buffer;
    EXPECT_EQ(connection->receive(buffer), 3);  // a short read, which drains a socket otherwise
    connection->wait_for_input(other);
    EXPECT_TRUE(becomes([&] { return other.succeeded(); }));
    EXPECT_EQ(connection->receive(buffer), 0);
}

TEST_F(PollerTest, urgent_data_between_others_hides_nothing) {
    read();
    connection->wait_for_input(wait);
    send("before");
    send("!", MSG_OOB);
    send("after");
    ASSERT_TRUE(eventually([&] { return sample_tcp(pair.b.get()).all_acknowledged(); }));
    std::string got;
    const auto collect = [&] {
        got += read().first;
        return got.ends_with("after");
    };
    EXPECT_TRUE(becomes([&] { return wait.succeeded(); }));
    EXPECT_TRUE(becomes(collect)) << got;
    EXPECT_FALSE(connection->bytes().can_splice());
}

TEST_F(PollerTest, room_to_write_ends_a_wait_for_it) {
    fill(connection->fd());
    ASSERT_EQ(connection->send("x"), -1);
    connection->wait_for_output(wait);
    run_ready();
    EXPECT_EQ(wait.calls, 0);
    std::array<char, 65'536> buffer;
    EXPECT_TRUE(becomes([&] {
        ::recv(pair.b.get(), buffer.data(), buffer.size(), 0);
        return wait.succeeded();
    }));
    EXPECT_EQ(connection->send("x"), 1);
}

TEST_F(PollerTest, a_reset_ends_every_wait_and_can_still_be_asked_for) {
    read();
    connection->wait_for_input(wait);
    connection->wait_for_error(other);
    reset(pair.b);
    EXPECT_TRUE(becomes([&] { return wait.succeeded() && other.succeeded(); }));
    EXPECT_EQ(connection->take_error(), ECONNRESET);
}

TEST_F(PollerTest, another_wait_of_a_kind_ends_the_first_one) {
    read();
    connection->wait_for_input(wait);
    connection->wait_for_input(other);
    run_ready();
    EXPECT_TRUE(wait.was_aborted());
    EXPECT_EQ(other.calls, 0);
    send("x");
    EXPECT_TRUE(becomes([&] { return other.succeeded(); }));
}

TEST_F(PollerTest, a_close_ends_all_waits_and_later_ones_at_once) {
    read();
    fill(connection->fd());
    EXPECT_EQ(connection->send("x"), -1);
    connection->wait_for_input(wait);
    connection->wait_for_output(other);
    connection->close();
    EXPECT_EQ(wait.calls, 0) << "not within the call";
    run_ready();
    EXPECT_TRUE(wait.was_aborted());
    EXPECT_TRUE(other.was_aborted());
    Wait late;
    connection->wait_for_input(late);
    run_ready();
    EXPECT_EQ(late.error, asio::error::bad_descriptor);
}

TEST_F(PollerTest, the_event_loop_runs_for_as_long_as_somebody_waits) {
    read();
    connection->wait_for_input(wait);
    asio::post(context, [&] { connection->cancel_waits(); });
    context.run();
    EXPECT_TRUE(wait.was_aborted());
}

TEST_F(PollerTest, one_that_ends_the_others_of_its_round_leaves_none_to_be_told) {
    TcpPair second;
    ConnectionPtr neighbour = adopt_owned(context, std::move(second.a));
    std::string nothing(1, '\0');
    EXPECT_EQ(neighbour->receive(nothing), -1);
    read();
    connection->wait_for_input(wait);
    neighbour->wait_for_input(other);
    send("x");
    ASSERT_EQ(::send(second.b.get(), "y", 1, 0), 1);
    // Whichever is told first ends the other.
    wait.then = [&] { neighbour.reset(); };
    other.then = [&] { connection.reset(); };
    EXPECT_TRUE(becomes([&] { return wait.calls == 1 && other.calls == 1; }));
    EXPECT_NE(wait.succeeded(), other.succeeded());
    EXPECT_NE(wait.was_aborted(), other.was_aborted());
}

TEST_F(PollerTest, what_one_throws_costs_no_other_its_turn) {
    TcpPair second;
    const ConnectionPtr neighbour = adopt_owned(context, std::move(second.a));
    std::string nothing(1, '\0');
    EXPECT_EQ(neighbour->receive(nothing), -1);
    read();
    connection->wait_for_input(wait);
    neighbour->wait_for_input(other);
    wait.then = other.then = [] { throw std::runtime_error("out of something"); };
    send("x");
    ASSERT_EQ(::send(second.b.get(), "y", 1, 0), 1);
    for (int tries = 0; tries < 1'000 && (wait.calls == 0 || other.calls == 0); ++tries) {
        try {
            context.restart();
            context.run_one_for(std::chrono::milliseconds(10));
        } catch (const std::runtime_error&) {
        }
    }
    EXPECT_TRUE(wait.succeeded() && other.succeeded());
    Wait again;
    EXPECT_EQ(read().first, "x");
    connection->wait_for_input(again);
    send("z");
    EXPECT_TRUE(becomes([&] { return again.succeeded(); })) << "it goes on";
}

TEST_F(PollerTest, a_connection_that_has_moved_is_told_on_its_new_loop) {
    asio::io_context there;
    read();
    connection->wait_for_input(wait);
    connection->cancel_waits();
    run_ready();
    send("x");
    connection->move_to(there);
    connection->wait_for_input(other);
    run_ready();
    EXPECT_EQ(other.calls, 0);
    EXPECT_TRUE(run_until(there, [&] { return other.succeeded(); }));
    connection.reset();  // before its loop
}

TEST(PollerEndTest, waits_are_abandoned_with_their_event_loop) {
    Wait wait;
    TcpPair pair;
    ConnectionPtr connection;
    const auto alive = std::make_shared<int>();
    const auto forever = [](ConnectionPtr own, std::shared_ptr<int>) -> Task<> {
        co_await own->until_input(use_result);
    };
    std::optional<asio::io_context> context(std::in_place);
    connection = adopt_owned(*context, std::move(pair.a));
    TcpPair second;
    ConnectionPtr waited_for = adopt_owned(*context, std::move(second.a));
    std::string nothing(1, '\0');
    EXPECT_EQ(waited_for->receive(nothing), -1);
    EXPECT_EQ(connection->receive(nothing), -1);
    spawn(context->get_executor(), "forever", forever(std::move(waited_for), alive));
    connection->wait_for_input(wait);
    context->poll();
    EXPECT_EQ(alive.use_count(), 2);
    context.reset();
    EXPECT_EQ(alive.use_count(), 1) << "a connection and who waits for it keep each other";
    EXPECT_TRUE(wait.abandoned);
    EXPECT_EQ(wait.calls, 0);
}

}  // namespace
}  // namespace inout::poller_test
