// TLS over one connection: reads, writes and ends as a socket's, whatever peer and kernel do.
#include "common/tls/session.hpp"
#include "common/os/socket_layer.hpp"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "../tls_calls.hpp"
#include "common/os/socket_layer.hpp"
#include "common/relay/peer_watch.hpp"

namespace inout::session_test {
namespace {

TEST(TlsSessionTest, carries_bytes_both_ways_and_each_direction_ends_by_itself) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    ASSERT_TRUE(send_all(*pair.client, "question"));
    EXPECT_EQ(receive(*pair.server, 8).bytes, "question");
    EXPECT_EQ(pair.client->shut_send(), 0);
    EXPECT_EQ(receive(*pair.server).end, End::fin);
    const std::string answer = some_bytes(100'000);
    ASSERT_TRUE(send_all(*pair.server, answer));
    EXPECT_EQ(pair.server->shut_send(), 0);
    const Received received = receive(*pair.client);
    EXPECT_EQ(received.end, End::fin);
    EXPECT_TRUE(received.bytes == answer);
    EXPECT_EQ(pair.client->failure() + pair.server->failure(), "");
}

TEST(TlsSessionTest, with_nothing_to_read_it_says_so_and_waits_for_readability) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    char byte = 0;
    EXPECT_EQ(pair.server->read({&byte, 1}), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_FALSE(pair.server->read_wants_write());
    EXPECT_TRUE(pair.server->is_quiet());
    ASSERT_TRUE(send_all(*pair.client, "x"));
    EXPECT_TRUE(eventually([&] { return !pair.server->is_quiet(); }));
    EXPECT_EQ(receive(*pair.server, 1).bytes, "x") << "asking takes nothing";
}

TEST(TlsSessionTest, a_full_socket_loses_nothing_and_the_same_bytes_may_come_from_elsewhere) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    std::string sent = fill(*pair.server);
    EXPECT_FALSE(pair.server->write_wants_read());
    Received received = receive(*pair.client, sent.size());
    // OpenSSL holds the record that met the full socket: a copy of its bytes and more.
    const std::string rest = some_bytes(16'384) + "and more";
    ASSERT_TRUE(send_all(*pair.server, rest));
    received.bytes += receive(*pair.client, rest.size()).bytes;
    EXPECT_TRUE(received.bytes == sent + rest);
}

TEST(TlsSessionTest, reading_does_not_change_what_a_write_waits_for_nor_the_other_way_round) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    fill(*pair.server);
    ASSERT_FALSE(pair.server->write_wants_read());
    ASSERT_TRUE(send_all(*pair.client, "x"));
    EXPECT_EQ(receive(*pair.server, 1).bytes, "x");
    ASSERT_TRUE(pair.server->is_drained());
    EXPECT_FALSE(pair.server->read_wants_write())
        << "the next read waits for the peer, not for room";
}

TEST(TlsSessionTest, every_byte_arrives_in_single_byte_pieces_with_interruptions) {
    for (const std::size_t piece : {1U, 2U, 7U, 1'000U}) {
        SlowCalls slow(piece), slow_too(piece);
        TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(), slow,
                     slow_too);
        ASSERT_TRUE(pair.shake());
        const std::string up = some_bytes(20'000, 1), down = some_bytes(20'000, 2);
        ASSERT_TRUE(send_all(*pair.client, up));
        ASSERT_TRUE(send_all(*pair.server, down));
        EXPECT_TRUE(receive(*pair.server, up.size()).bytes == up);
        EXPECT_TRUE(receive(*pair.client, down.size()).bytes == down);
        EXPECT_TRUE(soon([&] { return pair.client->shut_send() == 0; }));
        EXPECT_EQ(receive(*pair.server).end, End::fin);
    }
}

/// TLS 1.3 still takes an alert in the clear there (RFC 8446, 6), from anybody on the path.
TEST(TlsSessionTest, a_close_notify_in_a_handshake_is_a_failure) {
    for (const bool to_client : {true, false}) {
        TlsPair pair;
        TlsSession& waiting = to_client ? *pair.client : *pair.server;
        ASSERT_EQ(pair.client->handshake(), TlsSession::Handshake::wait);
        if (!to_client) {
            char first = 0;
            const int fd = pair.wire.b.get();
            ASSERT_TRUE(eventually([&] { return ::recv(fd, &first, 1, MSG_PEEK) == 1; }));
            ASSERT_EQ(waiting.handshake(), TlsSession::Handshake::wait);
        }
        static constexpr std::string_view kAlert("\x15\x03\x03\x00\x02\x01\x00", 7);
        const UniqueFd& liar = to_client ? pair.wire.b : pair.wire.a;
        ASSERT_EQ(::send(liar.get(), kAlert.data(), kAlert.size(), 0), std::ssize(kAlert));
        EXPECT_TRUE(eventually([&] { return waiting.handshake() != TlsSession::Handshake::wait; }));
        EXPECT_EQ(waiting.handshake(), TlsSession::Handshake::failed);
        EXPECT_TRUE(waiting.last_error());
        EXPECT_FALSE(waiting.failure().empty());
        EXPECT_EQ(receive(waiting).end, End::rst);
    }
}

TEST(TlsSessionTest, an_end_that_meets_a_full_socket_waits_for_room) {
    class Full : public SocketCalls {
      public:
        ssize_t send(int fd, const void* data, std::size_t size) override {
            if (!full) return SocketCalls::send(fd, data, std::min<std::size_t>(size, 3));
            errno = EAGAIN;
            return -1;
        }
        bool full = false;
    } calls;
    TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(), calls);
    ASSERT_TRUE(pair.shake());
    ASSERT_TRUE(send_all(*pair.client, "last words"));
    calls.full = true;
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(pair.client->shut_send(), -1);
        EXPECT_EQ(errno, EAGAIN);
        EXPECT_FALSE(pair.client->write_wants_read());
    }
    EXPECT_EQ(receive(*pair.server, 10).bytes, "last words");
    EXPECT_TRUE(pair.server->is_quiet()) << "no end yet";
    calls.full = false;
    EXPECT_TRUE(soon([&] { return pair.client->shut_send() == 0; }));
    EXPECT_EQ(receive(*pair.server).end, End::fin);
}

TEST(TlsSessionTest, a_cut_after_any_byte_is_an_error_and_never_an_end) {
    for (const bool cut_client : {true, false}) {
        const auto talk = [cut_client](std::size_t bytes, std::size_t& consumed) {
            WatchedCalls cut, whole;
            TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(),
                         cut_client ? cut : whole, cut_client ? whole : cut);
            cut.left = bytes;
            TlsSession& reader = cut_client ? *pair.client : *pair.server;
            TlsSession& writer = cut_client ? *pair.server : *pair.client;
            Received received{.bytes = {}, .end = End::rst};
            if (pair.shake()) {
                EXPECT_TRUE(send_all(writer, "hello"));
                EXPECT_TRUE(send_all(writer, "world"));
                EXPECT_EQ(writer.shut_send(), 0);
                received = receive(reader);
            }
            consumed = cut.received;
            EXPECT_EQ(received.end == End::fin, reader.failure().empty());
            EXPECT_TRUE(std::string_view("helloworld").starts_with(received.bytes));
            return received.end;
        };
        std::size_t all = 0, ignored = 0;
        ASSERT_EQ(talk(std::numeric_limits<std::size_t>::max(), all), End::fin);
        for (std::size_t bytes = 0; bytes < all; ++bytes) {
            ASSERT_EQ(talk(bytes, ignored), End::rst) << "after " << bytes << " of " << all;
        }
    }
}

TEST(TlsSessionTest, a_reset_is_an_error_with_the_kernels_words) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    reset(pair.wire.a);
    EXPECT_EQ(receive(*pair.server).end, End::rst);
    EXPECT_EQ(pair.server->last_error().value(), ECONNRESET);
    EXPECT_EQ(errno, ECONNRESET);
    EXPECT_EQ(receive(*pair.server).end, End::rst) << "and stays one";
}

TEST(TlsSessionTest, a_reset_after_the_peers_end_is_an_error_of_writing_and_of_ending) {
    for (const bool writes : {true, false}) {
        TlsPair pair;
        ASSERT_TRUE(pair.shake());
        ASSERT_EQ(pair.client->shut_send(), 0);
        ASSERT_EQ(receive(*pair.server).end, End::fin);
        reset(pair.wire.a);
        ASSERT_TRUE(eventually([&] { return sample_tcp(pair.wire.b.get()).closed; }));
        errno = EAGAIN;
        const ssize_t result = writes ? pair.server->write("x") : pair.server->shut_send();
        EXPECT_EQ(result, -1);
        EXPECT_NE(errno, EAGAIN) << "nothing to wait for";
    }
}

/// Sends nothing more once it is told so, as a socket that was reset.
class CutCalls : public SocketCalls {
  public:
    ssize_t send(int fd, const void* data, std::size_t size) override {
        if (!cut) return SocketCalls::send(fd, data, size);
        errno = ECONNRESET;
        return -1;
    }
    bool cut = false;
};

TEST(TlsSessionTest, an_answer_to_the_peers_key_update_that_fails_does_not_hide_what_has_come) {
    CutCalls calls;
    TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(), calls);
    ASSERT_TRUE(pair.shake());
    ASSERT_TRUE(send_all(*pair.server, "one"));
    ASSERT_EQ(SSL_key_update(pair.server_raw, SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(send_all(*pair.server, "two"));
    calls.cut = true;
    EXPECT_EQ(receive(*pair.client, 6).bytes, "onetwo");
    EXPECT_EQ(pair.client->write("three"), -1);
    reset(pair.wire.b);
    EXPECT_EQ(receive(*pair.client).end, End::rst);
    EXPECT_EQ(pair.client->last_error().value(), ECONNRESET);
}

TEST(TlsSessionTest, after_a_failed_write_reading_goes_on_and_an_alert_says_why) {
    CutCalls calls;
    TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(), calls);
    ASSERT_TRUE(pair.shake());
    ASSERT_TRUE(send_all(*pair.server, "answer"));
    static constexpr std::string_view kNoRecord("\x17\x03\x03\x00\x11 seventeen bytes.", 22);
    ASSERT_EQ(::send(pair.wire.a.get(), kNoRecord.data(), kNoRecord.size(), 0),
              std::ssize(kNoRecord));
    EXPECT_EQ(receive(*pair.server).end, End::rst);
    calls.cut = true;
    EXPECT_EQ(pair.client->write("more"), -1);
    EXPECT_EQ(errno, ECONNRESET);
    EXPECT_EQ(receive(*pair.client, 6).bytes, "answer");
    EXPECT_EQ(receive(*pair.client).end, End::rst);
    EXPECT_NE(pair.client->failure().find("alert"), std::string::npos) << pair.client->failure();
}

TEST(TlsSessionTest, a_handshake_takes_no_more_than_its_bound_from_the_peer) {
    for (const bool asks : {false, true}) {
        WatchedCalls calls;
        TcpPair wire;
        SslPtr ssl = psk(TlsSide::server).session();
        if (asks) SSL_set_verify(ssl.get(), SSL_VERIFY_PEER, nullptr);
        SocketSession server(std::move(ssl), wire.b.get(), calls);
        // A ClientHello that claims 100,000 bytes, in records of 16,000.
        std::string hello("\x16\x03\x01\x3e\x80\x01\x01\x86\xa0\x03\x03", 11);
        hello.resize(5 + 16'000, 'x');
        const std::string more = std::string("\x16\x03\x01\x3e\x80", 5) + std::string(16'000, 'x');
        for (const std::string& record : {hello, more, more}) {
            ASSERT_EQ(::send(wire.a.get(), record.data(), record.size(), 0), std::ssize(record));
        }
        EXPECT_TRUE(
            eventually([&] { return server.handshake() == TlsSession::Handshake::failed; }));
        EXPECT_EQ(calls.received, asks ? kTlsCertificatesMaxBytes : kTlsHandshakeMaxBytes);
        EXPECT_EQ(server.last_error().category(), tls_category());
    }
}

TEST(TlsSessionTest, a_first_flight_may_travel_with_other_bytes) {
    TcpPair wire;
    TlsSession client(psk(TlsSide::client).session());
    const std::string flight = client.first_flight();
    ASSERT_FALSE(flight.empty());
    EXPECT_EQ(flight[0], '\x16');
    EXPECT_EQ(client.failure(), "");
    char byte = 0;
    EXPECT_EQ(::recv(wire.b.get(), &byte, 1, 0), -1) << "nothing was sent";
    SocketLayer socket(wire.a.get());
    client.attach(socket);
    ASSERT_EQ(::send(wire.a.get(), flight.data(), flight.size(), 0), std::ssize(flight));
    SocketSession server(psk(TlsSide::server).session(), wire.b.get());
    EXPECT_TRUE(shake_hands(client, server));
}

/// As of a peer that keeps its TCP connection open: no event of the socket tells of it.
TEST(TlsSessionTest, an_end_behind_the_last_record_is_still_to_be_read) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    ASSERT_TRUE(send_all(*pair.client, "last"));
    ASSERT_GE(SSL_shutdown(pair.client_raw), 0);
    EXPECT_EQ(receive(*pair.server, 4).bytes, "last");
    char byte = 0;
    ASSERT_TRUE(eventually([&] { return pair.server->read({&byte, 1}) == 0; }));
    EXPECT_FALSE(pair.server->is_drained());
    EXPECT_EQ(pair.server->read({&byte, 1}), 0);
}

/// After is_drained() there is nothing left here: a reader who then waits for the kernel misses
/// none.
TEST(TlsSessionTest, whoever_waits_only_when_it_is_drained_misses_nothing) {
    for (const std::size_t piece : {5U, 100U, 4'000U, 1'000'000U}) {
        SlowCalls slow(piece);
        TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(),
                     SocketCalls::system(), slow);
        ASSERT_TRUE(pair.shake());
        const std::string sent = some_bytes(60'000);
        for (std::size_t at = 0, size = 1; at < sent.size(); at += size, size = size * 2 % 20'011) {
            ASSERT_TRUE(send_all(*pair.client, std::string_view(sent).substr(at, size)));
        }
        std::string got;
        std::array<char, 777> buffer;
        ASSERT_TRUE(soon([&] {
            pollfd state{pair.wire.b.get(), POLLIN, 0};
            if (::poll(&state, 1, 0) == 0) return got.size() == sent.size();
            do {
                const ssize_t n = pair.server->read(buffer);
                if (n < 0) break;
                got.append(buffer.data(), static_cast<std::size_t>(n));
            } while (!pair.server->is_drained());
            return false;
        })) << got.size();
        EXPECT_TRUE(got == sent);
    }
}

TEST(TlsSessionTest, both_ends_have_the_same_exporter_value_and_no_other_connection_has_it) {
    std::vector<std::string> values;
    for (int i = 0; i < 2; ++i) {
        TlsPair pair;
        ASSERT_TRUE(pair.shake());
        EXPECT_EQ(pair.client->exporter(), pair.server->exporter());
        EXPECT_EQ(pair.client->exporter().size(), 32U);
        values.push_back(pair.client->exporter());
    }
    EXPECT_NE(values[0], values[1]);
}

TEST(TlsSessionTest, records_are_small_at_first_large_in_bulk_and_small_again_after_a_pause) {
    WatchedCalls calls;
    TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(), calls);
    ASSERT_TRUE(pair.shake());
    calls.sent.clear();
    ASSERT_TRUE(send_all(*pair.client, some_bytes(150'000)));
    std::vector<std::size_t> records = calls.records();
    constexpr std::size_t kSmall = kTlsSmallBytes / kTlsSmallRecord;
    ASSERT_GT(records.size(), kSmall);
    for (std::size_t i = 0; i + 1 < records.size(); ++i) {
        EXPECT_EQ(records[i], i < kSmall ? kTlsSmallRecord : kTlsRecord) << i;
    }
    const auto over = Clock::now() + kTlsBurstPause;
    ASSERT_TRUE(eventually([&] { return Clock::now() > over; }));
    calls.sent.clear();
    ASSERT_TRUE(send_all(*pair.client, some_bytes(5'000)));
    EXPECT_EQ(calls.records().front(), kTlsSmallRecord);
}

}  // namespace
}  // namespace inout::session_test
