// Whom in and out take for their proxy, and whom the proxy takes for its peers; resumption.
#include "common/tls/client.hpp"

#include <gtest/gtest.h>
#include <malloc.h>
#include <openssl/ssl.h>

#include "../tls_pair.hpp"
#include "common/base/crypto.hpp"

namespace inout::client_test {
namespace {

using Names = std::vector<std::string>;

Names shown(const std::vector<CertificateName>& names) {
    Names texts;
    for (const auto& name : names) texts.push_back(to_string(name));
    return texts;
}

std::string pin_of(const Certificate& certificate) {
    unsigned char* key = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate.x509()), &key);
    const Digest digest =
        sha256({reinterpret_cast<const char*>(key), static_cast<std::size_t>(size)});
    OPENSSL_free(key);
    return "sha256/" + to_base64(bytes_of(digest));
}

/// What a client with these options says of a proxy with this certificate; empty: it trusts it.
std::string verdict(const Certificate& of_proxy, const TlsClientOptions& options,
                    const std::string& host = "proxy.test") {
    const auto server = must(TlsServer::make({.cert = of_proxy.cert(), .key = of_proxy.key()}));
    const auto client = must(make_client(options, host));
    TlsPair pair(client->session(), server->session());
    const bool met = pair.shake();
    EXPECT_EQ(met, pair.client->failure().empty());
    return pair.client->failure();
}

class TlsClientTest : public testing::Test {
  protected:
    const Certificate ca{{.common_name = "ca"}};
    const Certificate proxy{
        {.names = {{GEN_DNS, "proxy.test"}, {GEN_IPADD, std::string("\x7f\0\0\1", 4)}}}, &ca};
};

TEST_F(TlsClientTest, trusts_a_certificate_of_its_ca_for_the_name_that_it_dialled) {
    const TlsClientOptions options{.ca = ca.cert()};
    EXPECT_EQ(verdict(proxy, options), "");
    EXPECT_EQ(verdict(proxy, options, "proxy.test."), "");
    EXPECT_EQ(verdict(proxy, options, "127.0.0.1"), "");
    EXPECT_NE(verdict(proxy, options, "127.0.0.2"), "");
    EXPECT_NE(verdict(proxy, options, "other.test"), "");
    EXPECT_EQ(verdict(proxy, {.ca = ca.cert(), .server_name = "proxy.test"}, "other.test"), "");
}

TEST_F(TlsClientTest, refuses_what_is_expired_or_of_another_ca) {
    const Certificate expired({.names = {{GEN_DNS, "proxy.test"}}, .valid_for_s = -3'600}, &ca);
    const Certificate other_ca({.common_name = "ca"});
    EXPECT_NE(verdict(expired, {.ca = ca.cert()}).find("expired"), std::string::npos);
    EXPECT_NE(verdict(proxy, {.ca = other_ca.cert()}), "");
    EXPECT_NE(verdict(proxy, {}), "") << "the system does not know it either";
}

TEST_F(TlsClientTest, a_pin_alone_is_the_whole_check_and_with_a_ca_both_must_hold) {
    const Certificate stranger({.names = {{GEN_DNS, "other.test"}}, .valid_for_s = -3'600});
    EXPECT_EQ(verdict(stranger, {.pin = pin_of(stranger)}), "") << "no name, no date";
    EXPECT_NE(verdict(stranger, {.pin = pin_of(proxy)}), "");
    EXPECT_EQ(verdict(proxy, {.ca = ca.cert(), .pin = pin_of(proxy)}), "");
    EXPECT_NE(verdict(proxy, {.ca = ca.cert(), .pin = pin_of(stranger)}), "");
    EXPECT_NE(verdict(stranger, {.ca = ca.cert(), .pin = pin_of(stranger)}), "");
    EXPECT_NE(verdict(proxy, {.ca = ca.cert(), .pin = pin_of(proxy)}, "other.test"), "");
}

/// The system's trust store has 860 kB, and hundreds of proxy_links may each have a pin.
TEST_F(TlsClientTest, a_pin_alone_needs_no_trust_store) {
    std::vector<std::unique_ptr<TlsClient>> clients;
    const auto add = [&] { clients.push_back(must(make_client({.pin = pin_of(proxy)}, "a"))); };
    add();  // what is allocated once
    const std::size_t before = ::mallinfo2().uordblks;
    for (int i = 0; i < 20; ++i) add();
    EXPECT_LT((::mallinfo2().uordblks - before) / 20, 300'000U);
}

TEST_F(TlsClientTest, what_is_trusted_is_read_once_for_all) {
    TrustStores trusts;
    for (const std::string& file : {std::string(), ca.cert()}) {
        const auto first = trusts.get(file), second = trusts.get(file);
        ASSERT_TRUE(first && second);
        EXPECT_EQ(first->store, second->store);
        EXPECT_EQ(first->validity.has_value(), !file.empty());
    }
    EXPECT_NE(trusts.get("")->store, trusts.get(ca.cert())->store);
    EXPECT_FALSE(trusts.get("/nonexistent"));
    std::vector<std::unique_ptr<TlsClient>> clients;
    const auto add = [&] { clients.push_back(must(TlsClient::make({}, "a", trusts))); };
    add();
    const std::size_t before = ::mallinfo2().uordblks;
    for (int i = 0; i < 20; ++i) add();
    EXPECT_LT((::mallinfo2().uordblks - before) / 20, 300'000U);
}

class ResumptionTest : public TlsClientTest {
  protected:
    /// A connection, its first answer (behind which the ticket is), and whether it was resumed.
    bool connect(bool end_with_rst = false) {
        TlsPair pair(client->session(), server->session());
        EXPECT_TRUE(pair.shake());
        EXPECT_TRUE(send_all(*pair.server, "x"));
        EXPECT_EQ(receive(*pair.client, 1).bytes, "x");
        names = shown(pair.server->peer_names());
        if (!end_with_rst) {
            EXPECT_EQ(pair.client->shut_send(), 0);
            EXPECT_EQ(pair.server->shut_send(), 0);
            EXPECT_EQ(receive(*pair.client).end, End::fin);
        }
        EXPECT_EQ(pair.client->was_resumed(), pair.server->was_resumed());
        return pair.client->was_resumed();
    }

    const Certificate site{{.names = {{GEN_DNS, "site-a"}}, .valid_for_s = 3}, &ca};
    const std::unique_ptr<TlsServer> server =
        must(TlsServer::make({.cert = proxy.cert(), .key = proxy.key(), .client_ca = ca.cert()}));
    const std::unique_ptr<TlsClient> client =
        must(make_client({.ca = ca.cert(), .cert = site.cert(), .key = site.key()}, "proxy.test"));
    Names names;
};

TEST_F(ResumptionTest, every_further_connection_is_resumed_and_is_still_somebody) {
    EXPECT_FALSE(connect());
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(connect());
        EXPECT_EQ(names, Names{"dns:site-a"});
    }
}

TEST_F(ResumptionTest, a_connection_that_ends_by_rst_leaves_its_ticket_to_the_next) {
    EXPECT_FALSE(connect(true));
    EXPECT_TRUE(connect(true));
}

bool is_over(const Certificate& certificate) {
    return X509_cmp_current_time(X509_get0_notAfter(certificate.x509())) < 0;
}

TEST_F(ResumptionTest, a_certificate_that_expires_under_a_running_connection_has_no_name_any_more) {
    TlsPair pair(client->session(), server->session());
    ASSERT_TRUE(pair.shake());
    EXPECT_EQ(shown(pair.server->peer_names()), Names{"dns:site-a"});
    ASSERT_TRUE(eventually([&] { return is_over(site); }));
    EXPECT_TRUE(pair.server->peer_names().empty());
}

TEST_F(ResumptionTest, a_ticket_does_not_outlive_the_clients_certificate) {
    EXPECT_FALSE(connect());
    EXPECT_TRUE(connect());
    ASSERT_TRUE(eventually([&] { return is_over(site); }));
    TlsPair pair(client->session(), server->session());
    EXPECT_FALSE(pair.shake());
    EXPECT_NE(pair.server->failure().find("expired"), std::string::npos) << pair.server->failure();
}

TEST_F(TlsClientTest, a_ticket_does_not_outlive_the_proxys_certificate_unless_only_a_pin_counts) {
    const Certificate brief({.names = {{GEN_DNS, "proxy.test"}}, .valid_for_s = 3}, &ca);
    const auto server = must(TlsServer::make({.cert = brief.cert(), .key = brief.key()}));
    const auto by_date = must(make_client({.ca = ca.cert()}, "proxy.test"));
    const auto by_pin = must(make_client({.pin = pin_of(brief)}, "proxy.test"));
    const auto connect = [&](TlsClient& client) {
        auto pair = std::make_unique<TlsPair>(client.session(), server->session());
        if (pair->shake()) {
            EXPECT_TRUE(send_all(*pair->server, "x"));
            EXPECT_EQ(receive(*pair->client, 1).bytes, "x");
        }
        return pair;
    };
    for (TlsClient* client : {by_date.get(), by_pin.get()}) {
        EXPECT_FALSE(connect(*client)->client->was_resumed());
        EXPECT_TRUE(connect(*client)->client->was_resumed());
    }
    ASSERT_TRUE(eventually([&] { return is_over(brief); }));
    EXPECT_NE(connect(*by_date)->client->failure().find("expired"), std::string::npos);
    EXPECT_TRUE(connect(*by_pin)->client->was_resumed());
}

/// The names that the proxy sees in a client's certificate.
Names names_of(const CertificateText& text) {
    const Certificate ca({.common_name = "ca"}), site(text, &ca);
    const auto server =
        must(TlsServer::make({.cert = ca.cert(), .key = ca.key(), .client_ca = ca.cert()}));
    const auto client = must(
        make_client({.cert = site.cert(), .key = site.key(), .pin = pin_of(ca)}, "proxy.test"));
    TlsPair pair(client->session(), server->session());
    return pair.shake() ? shown(pair.server->peer_names()) : Names{"refused"};
}

TEST(PeerNames, are_the_alternative_ones_or_else_the_common_name) {
    EXPECT_EQ(names_of({.common_name = "cn"}), Names{"cn:cn"});
    EXPECT_EQ(names_of({.common_name = "cn", .names = {{GEN_IPADD, "abcd"}}}), Names{"cn:cn"});
    EXPECT_EQ(names_of({.common_name = "cn",
                        .names = {{GEN_DNS, "a.test"}, {GEN_EMAIL, "b@test"}, {GEN_URI, "urn:c"}}}),
              (Names{"dns:a.test", "email:b@test", "uri:urn:c"}));
    EXPECT_EQ(names_of({}), Names{});
}

TEST(PeerNames, tricks_are_no_names) {
    const std::string nul("site-a\0.evil.test", 17);
    EXPECT_EQ(names_of({.names = {{GEN_DNS, nul}}}), Names{});
    EXPECT_EQ(names_of({.names = {{GEN_DNS, "a b"}, {GEN_DNS, "ok"}}}), Names{"dns:ok"});
    EXPECT_EQ(names_of({.names = {{GEN_DNS, std::string(kTopicMaxBytes + 1, 'a')}}}), Names{});
}

TEST(PeerNames, of_one_kind_can_not_be_spelled_as_another) {
    EXPECT_EQ(names_of({.names = {{GEN_DNS, "ops@example.com"}, {GEN_DNS, "uri:x"}}}), Names{});
    EXPECT_EQ(names_of({.names = {{GEN_EMAIL, "site-a"}, {GEN_EMAIL, "dns:site-a"}}}), Names{});
    EXPECT_EQ(names_of({.names = {{GEN_URI, "site-a"}, {GEN_URI, "a@b"}}}), Names{});
    EXPECT_EQ(names_of({.common_name = "dns:site-a"}), Names{"cn:dns:site-a"});
}

/// A CA that checks alternative names need not have looked at the CN.
TEST(PeerNames, where_there_are_alternative_names_the_common_name_is_none_even_if_they_are_tricks) {
    const std::string nul("site-a\0.evil.test", 17);
    EXPECT_EQ(names_of({.common_name = "admin", .names = {{GEN_DNS, nul}}}), Names{});
}

TEST(PeerNames, an_expired_or_missing_certificate_is_refused_where_one_is_demanded) {
    EXPECT_EQ(names_of({.common_name = "cn", .valid_for_s = -60}), Names{"refused"});
}

}  // namespace
}  // namespace inout::client_test
