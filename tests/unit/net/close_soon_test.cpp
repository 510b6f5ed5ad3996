// Which connections another thread closes, and which it does not any more.
#include "common/net/close_soon.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "../peer.hpp"
#include "../tls_pair.hpp"

namespace inout::close_soon_test {
namespace {

class CloseSoonTest : public testing::Test {
  protected:
    void close(const ConnectionPtr& handle, CloseIf condition) {
        std::thread([&] { close_soon(context.get_executor(), handle, condition); }).join();
    }

    asio::io_context context;
    TcpPair pair;
    ConnectionPtr connection = adopt_owned(context, std::move(pair.a));
};

TEST_F(CloseSoonTest, it_is_closed_on_its_own_thread_whatever_it_does) {
    ASSERT_EQ(::send(pair.b.get(), "x", 1, 0), 1);
    close(connection, CloseIf::always);
    EXPECT_TRUE(connection->is_open()) << "not yet, and not there";
    context.run();
    EXPECT_FALSE(connection->is_open());
    EXPECT_EQ(end_of(pair.b.get()), End::rst);
}

TEST_F(CloseSoonTest, a_message_that_was_read_already_comes_first_and_may_end_the_loan) {
    ConnectionPtr lent = lend(connection);
    asio::post(context, [&] {
        close_soon(context.get_executor(), lent, CloseIf::nothing_has_come);
        EXPECT_TRUE(connection->is_open());
    });
    asio::post(context, [&] { lent.reset(); });
    context.run();
    EXPECT_TRUE(connection->is_open());
}

TEST_F(CloseSoonTest, one_on_which_something_has_come_may_stay) {
    close(connection, CloseIf::nothing_has_come);
    ASSERT_EQ(::send(pair.b.get(), "x", 1, 0), 1);
    ASSERT_TRUE(eventually([this] { return connection->has_input(); }));
    context.run();
    EXPECT_TRUE(connection->is_open());
}

TEST_F(CloseSoonTest, one_on_which_nothing_has_come_does_not) {
    close(connection, CloseIf::nothing_has_come);
    context.run();
    EXPECT_FALSE(connection->is_open());
}

TEST_F(CloseSoonTest, one_that_can_be_used_again_ends_with_fin_behind_what_it_had_to_send) {
    const std::size_t size = fill(connection->fd());
    close_soon(context.get_executor(), connection, CloseIf::always, Use::again);
    context.run();
    EXPECT_FALSE(connection->is_open());
    EXPECT_EQ(drain(pair.b.get(), size), size);
    EXPECT_EQ(end_of(pair.b.get()), End::fin);
    close_idle(*connection, Use::again);  // once more does nothing
    close_idle(*connection, Use::once);
}

TEST_F(CloseSoonTest, over_tls_that_end_is_no_cut) {
    SocketSession peer(psk(TlsSide::client).session(), pair.b.get());
    connection->secure(psk(TlsSide::server).session());
    ASSERT_TRUE(shake_hands(peer, *connection->tls()));
    ASSERT_EQ(connection->send("last"), 4);
    close_idle(*connection, Use::again);
    const Received received = receive(peer);
    EXPECT_EQ(received.bytes, "last");
    EXPECT_EQ(received.end, End::fin);
}

TEST_F(CloseSoonTest, who_may_be_asking_for_a_stream_is_told_that_none_was_begun) {
    close_idle(*connection, Use::on_request);
    const Peer requester(context, std::move(pair.b));
    const auto goodbye = requester.hear<Response>();
    ASSERT_TRUE(goodbye);
    EXPECT_FALSE(goodbye->ok());
    EXPECT_TRUE(goodbye->retry);
    EXPECT_EQ(requester.end(), End::fin);
}

TEST_F(CloseSoonTest, one_that_is_gone_is_nobody_s) {
    const std::weak_ptr<Connection> held(connection);
    close(connection, CloseIf::always);
    connection.reset();
    EXPECT_TRUE(held.expired()) << "who may close it does not keep it";
    context.run();
}

TEST_F(CloseSoonTest, what_was_lent_is_not_closed_once_that_is_over_and_goes_on_with_its_owner) {
    ConnectionPtr lent = lend(connection);
    EXPECT_EQ(lent, connection);
    close(lent, CloseIf::always);
    lent.reset();
    context.run();
    EXPECT_TRUE(connection->is_open());
    lent = lend(connection);
    close(lent, CloseIf::always);
    context.restart();
    context.run();
    EXPECT_FALSE(connection->is_open());
}

TEST_F(CloseSoonTest, a_loan_keeps_its_connection) {
    const std::weak_ptr<Connection> held(connection);
    ConnectionPtr lent = lend(std::move(connection));
    EXPECT_FALSE(held.expired());
    lent.reset();
    EXPECT_TRUE(held.expired());
}

}  // namespace
}  // namespace inout::close_soon_test
