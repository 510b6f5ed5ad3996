// TLS sessions over time and inside one another: key updates, memory, two layers.
#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/ssl.h>

#include <string>
#include <vector>

#include "../tls_calls.hpp"
#include "common/tls/session.hpp"

namespace inout::layers_test {
namespace {

/// Two megabytes each way, with a key update behind every 100,000 bytes. The sessions' failures.
std::string carry_with_key_updates(TlsPair& pair, int kind) {
    const std::string data = some_bytes(2'000'000);
    struct Way {
        TlsSession &from, &to;
        ssl_st* raw;
        std::size_t sent = 0, updates = 0;
        bool held = false;  // OpenSSL has a record that must go first
        std::string received{};
    };
    Way ways[] = {{*pair.client, *pair.server, pair.client_raw},
                  {*pair.server, *pair.client, pair.server_raw}};
    std::array<char, 20'000> buffer;
    EXPECT_TRUE(soon([&] {
        for (Way& way : ways) {
            if (!way.held && way.sent / 100'000 > way.updates) {
                EXPECT_EQ(SSL_key_update(way.raw, kind), 1);
                ++way.updates;
            }
            if (way.sent < data.size()) {
                const ssize_t n = way.from.write(std::string_view(data).substr(way.sent));
                way.held = n < 0;
                if (n > 0) way.sent += static_cast<std::size_t>(n);
            }
            const ssize_t n = way.to.read(buffer);
            if (n > 0) way.received.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return !pair.client->failure().empty() || !pair.server->failure().empty() ||
               (ways[0].received.size() == data.size() && ways[1].received.size() == data.size());
    }));
    for (const Way& way : ways) {
        EXPECT_TRUE(way.received == data) << way.received.size();
        EXPECT_GT(way.updates, 10U);
    }
    return pair.client->failure() + pair.server->failure();
}

TEST(TlsSessionTest, keys_change_under_running_traffic_in_both_directions) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    EXPECT_EQ(carry_with_key_updates(pair, SSL_KEY_UPDATE_REQUESTED), "");
}

TEST(TlsSessionTest, keys_change_in_single_pieces_while_both_sides_are_held_up) {
    SlowCalls slow(700), slow_too(701);
    TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(), slow, slow_too);
    ASSERT_TRUE(pair.shake());
    EXPECT_EQ(carry_with_key_updates(pair, SSL_KEY_UPDATE_NOT_REQUESTED), "");
}

/// The answer to a request for new keys comes to stand behind the record that is held up.
TEST(TlsSessionTest, a_request_for_new_keys_that_meets_a_full_socket_breaks_nothing) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    const std::string sent = fill(*pair.server);
    ASSERT_EQ(SSL_key_update(pair.client_raw, SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(send_all(*pair.client, "x"));
    EXPECT_EQ(receive(*pair.server, 1).bytes, "x");
    EXPECT_TRUE(receive(*pair.client, sent.size()).bytes == sent);
    EXPECT_EQ(pair.server->failure(), "");
}

/// Our direction has ended, so that its answer can not be sent: the peer's goes on all the same.
TEST(TlsSessionTest, a_key_update_that_comes_after_our_end_does_not_break_the_peers_direction) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    ASSERT_EQ(pair.server->shut_send(), 0);
    ASSERT_EQ(SSL_key_update(pair.client_raw, SSL_KEY_UPDATE_REQUESTED), 1);
    ASSERT_TRUE(send_all(*pair.client, "after it"));
    ASSERT_EQ(pair.client->shut_send(), 0);
    const Received received = receive(*pair.server);
    EXPECT_EQ(received.bytes, "after it");
    EXPECT_EQ(received.end, End::fin) << pair.server->failure();
}

/// Two requests while a record is held up: OpenSSL alone would answer behind half of it and fail.
TEST(TlsSessionTest, any_number_of_requests_for_new_keys_may_meet_a_write_that_is_held_up) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    std::string sent = fill(*pair.server);
    for (const char c : {'a', 'b', 'c', 'd'}) {
        ASSERT_EQ(SSL_key_update(pair.client_raw, SSL_KEY_UPDATE_REQUESTED), 1);
        ASSERT_TRUE(send_all(*pair.client, std::string(2, c)));
        EXPECT_EQ(receive(*pair.server, 2).bytes, std::string(2, c));
    }
    std::string received = receive(*pair.client, sent.size()).bytes;
    const std::string rest = some_bytes(16'384) + "and more";
    ASSERT_TRUE(send_all(*pair.server, rest));
    received += receive(*pair.client, rest.size()).bytes;
    EXPECT_TRUE(received == sent + rest);
    EXPECT_EQ(pair.client->failure() + pair.server->failure(), "");
}

/// Whether the session still stands after so many updates in a row, and content behind them.
bool stands_after(int updates, int kind, bool by_client) {
    TlsPair pair;
    EXPECT_TRUE(pair.shake());
    TlsSession& victim = by_client ? *pair.server : *pair.client;
    ssl_st* const raw = by_client ? pair.client_raw : pair.server_raw;
    for (int i = 0; i < updates; ++i) {
        EXPECT_EQ(SSL_key_update(raw, kind), 1);
        EXPECT_EQ(SSL_do_handshake(raw), 1);
    }
    EXPECT_TRUE(send_all(by_client ? *pair.client : *pair.server, "x"));
    const Received received = receive(victim, 1);
    EXPECT_EQ(received.end, received.bytes == "x" ? End::none : End::rst);
    if (received.end == End::rst) {
        EXPECT_EQ(victim.failure(), "too many TLS records without content");
    }
    return received.end == End::none;
}

TEST(TlsSessionTest, a_peer_that_sends_too_many_records_without_content_in_a_row_is_ended) {
    for (const int kind : {SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED}) {
        for (const bool by_client : {true, false}) {
            EXPECT_TRUE(stands_after(kTlsIdleWorkMax / 2 - 1, kind, by_client));
            EXPECT_FALSE(stands_after(kTlsIdleWorkMax / 2 + 1, kind, by_client));
            EXPECT_FALSE(stands_after(300, kind, by_client));
        }
    }
}

TEST(TlsSessionTest, one_record_of_content_does_not_pay_for_many_without) {
    WatchedCalls calls;
    TlsPair pair(psk(TlsSide::client).session(), psk(TlsSide::server).session(),
                 SocketCalls::system(), calls);
    ASSERT_TRUE(pair.shake());
    unsigned rounds = 0;
    for (bool stands = true; stands && rounds < 100; ++rounds) {
        for (int i = 0; i < 8; ++i) {
            ASSERT_EQ(SSL_key_update(pair.client_raw, SSL_KEY_UPDATE_REQUESTED), 1);
            ASSERT_EQ(SSL_do_handshake(pair.client_raw), 1);
        }
        ASSERT_TRUE(send_all(*pair.client, "x"));
        stands = receive(*pair.server, 1).end == End::none;
    }
    EXPECT_LE(rounds, kTlsIdleWorkMax / 8);
}

/// What a turn is charged.
TEST(TlsSessionTest, work_is_counted_for_records_with_and_without_content) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    pair.server->take_work();
    EXPECT_EQ(pair.server->take_work(), 0U);
    ASSERT_TRUE(send_byte_by_byte(*pair.client, "abc", pair.wire.b.get()));
    EXPECT_EQ(receive(*pair.server, 3).bytes, "abc");
    EXPECT_EQ(pair.server->take_work(), 3U);
    ASSERT_EQ(SSL_key_update(pair.client_raw, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    ASSERT_EQ(SSL_do_handshake(pair.client_raw), 1);
    ASSERT_TRUE(send_all(*pair.client, "d"));
    EXPECT_EQ(receive(*pair.server, 1).bytes, "d");
    EXPECT_EQ(pair.server->take_work(), 3U) << "a record, the message in it, and the content";
    EXPECT_EQ(pair.server->take_work(), 0U);
}

/// Answers wait behind what the peer does not read, and there are no more than fit.
TEST(TlsSessionTest, answers_that_nobody_reads_are_bounded) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    fill(*pair.server);
    bool stands = true;
    int answers = 0;
    for (; stands && answers < 10'000; ++answers) {
        ASSERT_EQ(SSL_key_update(pair.client_raw, SSL_KEY_UPDATE_REQUESTED), 1);
        ASSERT_EQ(SSL_do_handshake(pair.client_raw), 1);
        for (int i = 0; i < 3 && stands; ++i) {
            ASSERT_TRUE(send_all(*pair.client, "x"));
            stands = receive(*pair.server, 1).end == End::none;
        }
    }
    EXPECT_FALSE(stands);
    EXPECT_LE(answers, 2'000);
}

TEST(TlsSessionTest, what_comes_before_the_first_message_is_bounded_in_bytes) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    pair.server->limit_input(5'000);
    ASSERT_TRUE(send_all(*pair.client, std::string(2'000, 'x')));
    EXPECT_EQ(receive(*pair.server, 2'000).bytes.size(), 2'000U);
    ASSERT_TRUE(send_all(*pair.client, std::string(10'000, 'x')));
    const Received received = receive(*pair.server, 10'000);
    EXPECT_EQ(received.end, End::rst);
    EXPECT_LT(received.bytes.size(), 3'000U);
}

TEST(TlsSessionTest, an_idle_session_needs_at_most_25_kilobytes) {
    const Certificate certificate({.common_name = "localhost", .names = {{GEN_DNS, "localhost"}}});
    const auto server =
        must(TlsServer::make({.cert = certificate.cert(), .key = certificate.key()}));
    const auto client = must(make_client({.ca = certificate.cert()}, "localhost"));
    constexpr std::size_t kPairs = 200;
    std::vector<std::unique_ptr<TlsPair>> pairs;
    const auto add = [&] {
        pairs.push_back(std::make_unique<TlsPair>(client->session(), server->session()));
        ASSERT_TRUE(pairs.back()->shake());
        // A burst in both directions, then silence.
        for (auto* session : {pairs.back()->client.get(), pairs.back()->server.get()}) {
            TlsSession& other = session == pairs.back()->client.get() ? *pairs.back()->server
                                                                      : *pairs.back()->client;
            ASSERT_TRUE(send_all(*session, std::string(20'000, 'x')));
            ASSERT_EQ(receive(other, 20'000).bytes.size(), 20'000U);
        }
        ASSERT_TRUE(pairs.back()->client->is_quiet() && pairs.back()->server->is_quiet());
    };
    add();  // what is allocated once
    const std::size_t before = ::mallinfo2().uordblks;
    for (std::size_t i = 0; i < kPairs; ++i) add();
    const std::size_t each = (::mallinfo2().uordblks - before) / (2 * kPairs);
    RecordProperty("bytes_per_idle_session", static_cast<int>(each));
    EXPECT_LE(each, 25'000U);
}

TEST(TlsLayerTest, who_carries_the_records_may_move_them_as_they_are_but_nobody_what_is_written) {
    struct Carrier final : ByteLayer {
        ssize_t read(std::span<char>) override { return 0; }
        ssize_t write(std::string_view data) override { return std::ssize(data); }
        int shut_send() override { return 0; }
        bool is_drained() const override { return true; }
        bool is_quiet() override { return true; }
        bool take_raw(std::uint64_t moved) override {
            heard = moved;
            return true;
        }
        std::uint64_t heard = 0;
    } carrier;
    TlsSession session(psk(TlsSide::client).session());
    session.attach(carrier);
    EXPECT_FALSE(session.take_raw(7));
    EXPECT_EQ(carrier.heard, 7U);
}

/// The end-to-end case: in's session with out travels inside those of both with the proxy.
class NestedTlsTest : public testing::Test {
  protected:
    void SetUp() override { set_up(SocketCalls::system(), SocketCalls::system()); }
    void set_up(SocketCalls& client_calls, SocketCalls& server_calls) {
        outer =
            std::make_unique<TlsPair>(psk(TlsSide::client).session(),
                                      psk(TlsSide::server).session(), client_calls, server_calls);
        ASSERT_TRUE(outer->shake());
        client = std::make_unique<TlsSession>(psk(TlsSide::client).session());
        server = std::make_unique<TlsSession>(psk(TlsSide::server).session());
        client->attach(*outer->client);
        server->attach(*outer->server);
        ASSERT_TRUE(shake_hands(*client, *server));
    }
    std::unique_ptr<TlsPair> outer;
    std::unique_ptr<TlsSession> client, server;
};

TEST_F(NestedTlsTest, carries_bytes_and_both_ends) {
    const std::string up = some_bytes(300'000, 1), down = some_bytes(300'000, 2);
    ASSERT_TRUE(send_all(*client, up));
    EXPECT_EQ(client->shut_send(), 0);
    ASSERT_TRUE(send_all(*server, down));
    EXPECT_EQ(server->shut_send(), 0);
    for (const auto& [session, expected] : {std::pair{server.get(), &up}, {client.get(), &down}}) {
        const Received received = receive(*session);
        EXPECT_TRUE(received.bytes == *expected);
        EXPECT_EQ(received.end, End::fin);
    }
    EXPECT_EQ(end_of(outer->wire.a.get()), End::fin) << "the socket has ended as well";
}

TEST_F(NestedTlsTest, every_byte_arrives_in_small_pieces) {
    SlowCalls slow(11), slow_too(13);
    set_up(slow, slow_too);
    const std::string sent = some_bytes(40'000);
    ASSERT_TRUE(send_all(*client, sent));
    EXPECT_TRUE(receive(*server, sent.size()).bytes == sent);
}

TEST_F(NestedTlsTest, a_full_socket_is_felt_inside) {
    const std::string sent = fill(*client);
    EXPECT_FALSE(client->write_wants_read());
    char byte = 0;
    EXPECT_EQ(client->read({&byte, 1}), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_FALSE(client->read_wants_write());
    EXPECT_TRUE(receive(*server, sent.size()).bytes == sent);
}

/// The relay may end its own session with us: without the other side's word that is a cut.
TEST_F(NestedTlsTest, an_end_of_the_outer_session_alone_is_a_cut) {
    TcpPair wire;
    SocketSession near(psk(TlsSide::client).session(), wire.a.get());
    SocketSession relay(psk(TlsSide::server).session(), wire.b.get());
    ASSERT_TRUE(shake_hands(near, relay));
    TlsSession inside(psk(TlsSide::client).session());
    inside.attach(near);
    ASSERT_EQ(inside.handshake(), TlsSession::Handshake::wait);
    ASSERT_EQ(relay.shut_send(), 0);
    EXPECT_TRUE(eventually([&] { return inside.handshake() == TlsSession::Handshake::failed; }));
    EXPECT_NE(inside.failure(), "");
}

TEST_F(NestedTlsTest, an_error_of_the_outer_session_is_the_inner_ones) {
    reset(outer->wire.b);
    EXPECT_EQ(receive(*client).end, End::rst);
    EXPECT_EQ(client->last_error().value(), ECONNRESET);
}

}  // namespace
}  // namespace inout::layers_test
