// What a connection asks of the kernel: keepalive that a crowd does not do in step.
#include "common/net/connection.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <map>

#include "../tls_pair.hpp"
#include "common/relay/peer_watch.hpp"

namespace inout::connection_test {
namespace {

int option(int fd, int level, int name) {
    int value = -1;
    socklen_t size = sizeof value;
    EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

void expect_keepalive(int fd) {
    EXPECT_EQ(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(fd, IPPROTO_TCP, TCP_KEEPCNT), kKeepaliveProbes);
    const int idle = option(fd, IPPROTO_TCP, TCP_KEEPIDLE);
    const int interval = option(fd, IPPROTO_TCP, TCP_KEEPINTVL);
    EXPECT_TRUE(idle >= kKeepaliveIdleMinS && idle <= kKeepaliveIdleMaxS) << idle;
    EXPECT_TRUE(interval >= kKeepaliveIntervalMinS && interval <= kKeepaliveIntervalMaxS)
        << interval;
}

TEST(ConnectionTest, keepalive_times_are_spread_evenly_from_the_least_to_the_most) {
    std::map<int, int> idle, interval;
    for (int i = 0; i < 3'100; ++i) {
        const auto times = keepalive_times(i / 3'100.0, (i % 700) / 700.0);
        ++idle[times.idle_s];
        ++interval[times.interval_s];
    }
    EXPECT_EQ(idle.begin()->first, kKeepaliveIdleMinS);
    EXPECT_EQ(idle.rbegin()->first, kKeepaliveIdleMaxS);
    EXPECT_EQ(interval.begin()->first, kKeepaliveIntervalMinS);
    EXPECT_EQ(interval.rbegin()->first, kKeepaliveIntervalMaxS);
    for (const auto& [seconds, count] : idle) EXPECT_NEAR(count, 100, 1) << seconds;
}

TEST(ConnectionTest, little_waits_in_the_kernel_for_a_peer_that_does_not_read) {
    asio::io_context context;
    TcpPair pair;
    Connection sender = adopt(context, std::move(pair.a));
    fill(sender.fd());
    const TcpSample sample = sample_tcp(sender.fd());
    EXPECT_GE(sample.unsent_bytes, 1U);
    EXPECT_LE(sample.unsent_bytes, 2U * kUnsentBytes) << "and the packet that crossed the limit";
}

TEST(ConnectionTest, connections_that_are_kept_do_not_probe_in_step) {
    asio::io_context context;
    const LoopbackListener listener;
    set_keepalive(listener.fd(), keepalive_times(0.5, 0.5));
    std::map<int, int> idle;
    for (int i = 0; i < 100; ++i) {
        Connection dialled = adopt(context, listener.connect());
        Connection accepted(context.get_executor(), listener.accept(), Endpoint(),
                            Connection::Origin::accepted);
        expect_keepalive(accepted.fd());
        EXPECT_EQ(option(dialled.fd(), SOL_SOCKET, SO_KEEPALIVE), 0) << "not for a short one";
        for (Connection* connection : {&dialled, &accepted}) {
            connection->keep_alive();
            expect_keepalive(connection->fd());
            const int seconds = option(connection->fd(), IPPROTO_TCP, TCP_KEEPIDLE);
            ++idle[seconds];
            connection->keep_alive();
            EXPECT_EQ(option(connection->fd(), IPPROTO_TCP, TCP_KEEPIDLE), seconds) << "once";
        }
    }
    EXPECT_GT(idle.size(), 15U) << "of 31 that there are";
}

/// Each dial that fails at once makes one.
TEST(ConnectionTest, one_without_a_descriptor_leaves_nothing_behind) {
    asio::io_context context;
    const auto make = [&] {
        const Connection none(context.get_executor(), {}, Endpoint(), Connection::Origin::dialled);
        EXPECT_FALSE(none.is_open());
    };
    make();  // what is allocated once
    const std::size_t before = ::mallinfo2().uordblks;
    for (int i = 0; i < 1'000; ++i) make();
    EXPECT_LT(::mallinfo2().uordblks, before + 10'000);
}

TEST(ConnectionTest, a_look_for_input_takes_nothing_from_who_waits_for_it) {
    asio::io_context context;
    TcpPair pair;
    SocketSession client(psk(TlsSide::client).session(), pair.a.get());
    Connection server = adopt(context, std::move(pair.b));
    server.secure(psk(TlsSide::server).session());
    ASSERT_TRUE(shake_hands(client, *server.tls()));
    std::string byte(1, '\0');
    EXPECT_EQ(server.receive(byte), -1) << "tickets, if there are any, are read";
    EXPECT_FALSE(server.has_input());
    ASSERT_TRUE(send_all(client, "x"));
    ASSERT_TRUE(eventually([&] { return server.has_input(); }));
    const auto in_kernel = [&] {
        int there = 0;
        return ::ioctl(server.fd(), FIONREAD, &there) == 0 ? there : -1;
    };
    const int before = in_kernel();
    EXPECT_GT(before, 0);
    EXPECT_TRUE(server.has_input());
    EXPECT_EQ(in_kernel(), before);
    EXPECT_EQ(server.receive(byte), 1);
    EXPECT_FALSE(server.has_input());
    ASSERT_EQ(::shutdown(pair.a.get(), SHUT_WR), 0);
    EXPECT_TRUE(eventually([&] { return server.has_input(); })) << "an end";
}

TEST(ConnectionTest, records_of_one_byte_leave_others_their_turn) {
    constexpr std::size_t kRecords = std::size_t{4} * kTurnOperations;
    asio::io_context context;
    TcpPair pair;
    SocketSession client(psk(TlsSide::client).session(), pair.a.get());
    Connection server = adopt(context, std::move(pair.b));
    server.secure(psk(TlsSide::server).session());
    ASSERT_TRUE(shake_hands(client, *server.tls()));
    ASSERT_TRUE(send_byte_by_byte(client, std::string(kRecords, 'x'), server.fd()));
    Others others(context, [&] { return server.unread().size() < kRecords; });
    EXPECT_EQ(run(context, server.read_ahead(kRecords)), std::error_code());
    EXPECT_EQ(server.unread(), std::string(kRecords, 'x'));
    EXPECT_GE(others.turns, kRecords / kTurnOperations - 1);
}

TEST(ConnectionTest, layers_are_put_on_and_taken_away_again_while_bytes_flow) {
    asio::io_context context;
    TcpPair pair;
    SocketSession client(psk(TlsSide::client).session(), pair.a.get());
    Connection server = adopt(context, std::move(pair.b));
    ByteLayer& plain = server.bytes();
    EXPECT_TRUE(plain.can_splice());
    server.secure(psk(TlsSide::server).session());
    ASSERT_TRUE(shake_hands(client, *server.tls()));
    EXPECT_FALSE(server.bytes().can_splice());
    ASSERT_TRUE(send_all(client, "x"));
    char byte = 0;
    ASSERT_TRUE(eventually([&] { return server.receive({&byte, 1}) == 1; }));
    EXPECT_EQ(byte, 'x');
    const auto taken = server.pop();
    EXPECT_EQ(server.tls(), nullptr);
    EXPECT_EQ(&server.bytes(), &plain);
    ASSERT_EQ(::send(pair.a.get(), "y", 1, 0), 1);
    ASSERT_TRUE(eventually([&] { return server.receive({&byte, 1}) == 1; }));
    EXPECT_EQ(byte, 'y');
}

TEST(ConnectionTest, what_is_asked_of_a_closed_one_reaches_no_other_that_has_its_number) {
    asio::io_context context;
    TcpPair pair, other;
    Connection closed = adopt(context, std::move(pair.b));
    closed.secure(psk(TlsSide::client).session());
    closed.close();
    const UniqueFd next(::dup(other.a.get()));
    EXPECT_EQ(closed.tls()->handshake(), TlsSession::Handshake::failed);
    char byte = 0;
    EXPECT_EQ(::recv(other.b.get(), &byte, 1, MSG_DONTWAIT), -1) << "nothing was sent";
}

}  // namespace
}  // namespace inout::connection_test
