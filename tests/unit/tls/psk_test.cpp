// Keys of end-to-end encryption: who has the same one, for the same topic, and nobody else.
#include "common/tls/psk.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/ssl.h>

#include "../tls_pair.hpp"

namespace inout::psk_test {
namespace {

std::vector<Secret> keys(const std::vector<std::string>& texts) {
    std::vector<Secret> secrets;
    for (const std::string& text : texts) secrets.emplace_back(text);
    return secrets;
}

struct Keys {
    std::vector<std::string> of_client, of_server;
    std::string client_topic = "topic", server_topic = "topic";
};
/// Whether they come to terms; if not, both know why.
bool meet(const Keys& with) {
    const TlsPsk client(TlsSide::client, keys(with.of_client), with.client_topic);
    const TlsPsk server(TlsSide::server, keys(with.of_server), with.server_topic);
    TlsPair pair(client.session(), server.session());
    const bool met = pair.shake();
    if (!met) {
        EXPECT_TRUE(eventually([&] {
            return pair.client->handshake() == TlsSession::Handshake::failed &&
                   pair.server->handshake() == TlsSession::Handshake::failed;
        }));
        EXPECT_FALSE(pair.client->failure().empty() || pair.server->failure().empty());
    }
    return met;
}

TEST(TlsPsk, the_same_key_and_topic_on_both_sides_it_has_to_be) {
    EXPECT_TRUE(meet({{"0123456789abcdef"}, {"0123456789abcdef"}}));
    EXPECT_FALSE(meet({{"0123456789abcdef"}, {"0123456789abcdeg"}}));
    EXPECT_FALSE(meet({{"0123456789abcdef"}, {"0123456789abcdef"}, "topic", "another"}));
}

TEST(TlsPsk, for_another_topic_is_as_if_made_for_it) {
    const auto any =
        std::make_shared<const TlsPsk>(TlsSide::client, keys({"0123456789abcdef"}), "#");
    for (const char* topic : {"a", "b"}) {
        const TlsPsk server(TlsSide::server, keys({"0123456789abcdef"}), topic);
        TlsPair pair(any->for_topic("a")->session(), server.session());
        EXPECT_EQ(pair.shake(),
                  server.is_like(TlsPsk(TlsSide::server, keys({"0123456789abcdef"}), "a")));
    }
}

TEST(TlsPsk, a_server_takes_each_of_its_keys_and_a_client_offers_the_first) {
    EXPECT_TRUE(meet({{"the old key of 16"}, {"the new key of 16", "the old key of 16"}}));
    EXPECT_TRUE(meet({{"the new key of 16"}, {"the new key of 16", "the old key of 16"}}));
    EXPECT_FALSE(meet({{"the old key of 16", "the new key of 16"}, {"the new key of 16"}}));
}

TEST(TlsPsk, agrees_to_compression_if_both_want_it) {
    for (const bool offers : {false, true}) {
        for (const bool wants : {false, true}) {
            const TlsPsk client(TlsSide::client, keys({"0123456789abcdef"}), "topic", offers);
            const TlsPsk server(TlsSide::server, keys({"0123456789abcdef"}), "topic", wants);
            TlsPair pair(client.session(), server.session());
            ASSERT_TRUE(pair.shake());
            EXPECT_EQ(pair.client->agreed_compression(), offers && wants);
            EXPECT_EQ(pair.server->agreed_compression(), offers && wants);
        }
    }
}

/// Which of two equal keys it is does not matter, and none of the copies made for it is left over.
TEST(TlsPsk, the_same_key_twice_costs_no_memory) {
    const TlsPsk client(TlsSide::client, keys({"0123456789abcdef"}), "topic");
    const TlsPsk server(TlsSide::server, keys({"0123456789abcdef", "0123456789abcdef"}), "topic");
    const auto shake = [&] {
        TlsPair pair(client.session(), server.session());
        EXPECT_TRUE(pair.shake());
    };
    for (int i = 0; i < 10; ++i) shake();  // what is allocated once
    const std::size_t before = ::mallinfo2().uordblks;
    for (int i = 0; i < 100; ++i) shake();
    EXPECT_LT(::mallinfo2().uordblks, before + 50'000) << "1,100 bytes each were lost";
}

TEST(TlsPsk, has_forward_secrecy_and_neither_certificates_nor_tickets) {
    TlsPair pair;
    ASSERT_TRUE(pair.shake());
    EVP_PKEY* ephemeral = nullptr;
    ASSERT_EQ(SSL_get_peer_tmp_key(pair.client_raw, &ephemeral), 1);
    EVP_PKEY_free(ephemeral);
    EXPECT_EQ(SSL_version(pair.client_raw), TLS1_3_VERSION);
    EXPECT_EQ(SSL_get0_peer_certificate(pair.client_raw), nullptr);
    EXPECT_EQ(SSL_get_early_data_status(pair.client_raw), SSL_EARLY_DATA_NOT_SENT);
    char byte = 0;
    EXPECT_EQ(pair.client->read({&byte, 1}), -1);
    pollfd state{pair.wire.a.get(), POLLIN, 0};
    EXPECT_EQ(::poll(&state, 1, 0), 0) << "nothing came after the handshake";
}

/// A relay that knows no key may try to pass itself off with a certificate.
TEST(TlsPsk, a_certificate_is_no_key) {
    const Certificate certificate({.common_name = "relay"});
    const auto relay =
        must(TlsServer::make({.cert = certificate.cert(), .key = certificate.key()}));
    TlsPair pair(psk(TlsSide::client).session(), relay->session());
    EXPECT_FALSE(pair.shake());
    EXPECT_NE(pair.client->failure(), "");
}

}  // namespace
}  // namespace inout::psk_test
