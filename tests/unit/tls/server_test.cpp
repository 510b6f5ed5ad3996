// Certificates that are replaced while the proxy runs: what is new, and what lives on.
#include "common/tls/server.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "../tls_pair.hpp"

namespace inout::server_test {
namespace {

class TlsServerTest : public testing::Test {
  protected:
    /// What `to` names is what `from` names from now on, as a renewal does it.
    static void replace(const Certificate& to, const Certificate& from) {
        using std::filesystem::copy_options;
        std::filesystem::copy(from.cert(), to.cert(), copy_options::overwrite_existing);
        std::filesystem::copy(from.key(), to.key(), copy_options::overwrite_existing);
    }
    TlsServerOptions options(bool with_clients = true) const {
        return {.cert = proxy.cert(),
                .key = proxy.key(),
                .client_ca = with_clients ? ca_file.cert() : ""};
    }
    static std::shared_ptr<TlsServer> make(const TlsServerOptions& options,
                                           const TlsServer* before = nullptr) {
        return must(TlsServer::make(options, before));
    }
    /// Whether a connection of the client resumes what it did with a server before.
    bool resumes(const TlsServer& server) {
        TlsPair pair(client->session(), server.session());
        EXPECT_TRUE(pair.shake()) << pair.client->failure() << pair.server->failure();
        EXPECT_TRUE(send_all(*pair.server, "x"));
        EXPECT_EQ(receive(*pair.client, 1).bytes, "x");
        return pair.client->was_resumed();
    }

    const Certificate ca{{.common_name = "ca"}}, second_ca{{.common_name = "second ca"}};
    const Certificate ca_file{{.common_name = "is replaced"}};
    const Certificate proxy{{.names = {{GEN_DNS, "proxy.test"}}}, &ca};
    const Certificate renewed{{.names = {{GEN_DNS, "proxy.test"}}}, &ca};
    const Certificate site{{.names = {{GEN_DNS, "site-a"}}}, &ca};
    std::unique_ptr<TlsClient> client =
        must(make_client({.ca = ca.cert(), .cert = site.cert(), .key = site.key()}, "proxy.test"));
};

TEST_F(TlsServerTest, one_that_is_read_again_is_like_the_first_until_something_changes) {
    replace(ca_file, ca);
    const auto first = make(options());
    EXPECT_TRUE(make(options())->is_like(*first));
    auto older = options();
    older.min_version = TlsVersion::v1_2;
    EXPECT_FALSE(make(older)->is_like(*first));
    auto open = options();
    open.mode = TlsMode::optional;
    EXPECT_FALSE(make(open)->is_like(*first));
    replace(proxy, renewed);
    EXPECT_FALSE(make(options())->is_like(*first));
    EXPECT_TRUE(make(options())->trusts_like(*first)) << "its clients are the same";
}

TEST_F(TlsServerTest, whom_it_trusts_is_another_with_another_ca_or_without) {
    replace(ca_file, ca);
    const auto first = make(options()), none = make(options(false));
    EXPECT_FALSE(none->trusts_like(*first));
    EXPECT_FALSE(first->trusts_like(*none));
    EXPECT_TRUE(make(options(false))->trusts_like(*none));
    replace(ca_file, second_ca);
    const auto second = make(options());
    EXPECT_FALSE(second->trusts_like(*first));
    EXPECT_FALSE(second->is_like(*first));
    auto elsewhere = options();
    elsewhere.client_ca = second_ca.cert();
    EXPECT_TRUE(make(elsewhere)->trusts_like(*second)) << "the same, in another place";
}

TEST_F(TlsServerTest, tickets_outlive_the_renewal_of_its_certificate) {
    replace(ca_file, ca);
    auto server = make(options());
    EXPECT_FALSE(resumes(*server));
    EXPECT_TRUE(resumes(*server));
    for (int i = 0; i < 2; ++i) {
        replace(proxy, renewed);
        server = make(options(), server.get());
        EXPECT_TRUE(resumes(*server));
    }
    EXPECT_FALSE(resumes(*make(options()))) << "another process has other keys";
}

TEST_F(TlsServerTest, tickets_are_worth_nothing_once_other_clients_are_trusted) {
    replace(ca_file, second_ca);
    const auto strict = make(options());
    replace(ca_file, ca);
    const auto first = make(options());
    EXPECT_FALSE(resumes(*first));
    EXPECT_TRUE(resumes(*first));
    replace(ca_file, second_ca);
    const auto second = make(options(), first.get());
    TlsPair pair(client->session(), second->session());
    EXPECT_FALSE(pair.shake()) << "it had a ticket, and no certificate that is trusted now";
    EXPECT_TRUE(resumes(*first)) << "the ticket was good";
}

TEST_F(TlsServerTest, tickets_of_the_anonymous_are_no_way_in_when_certificates_are_demanded) {
    replace(ca_file, ca);
    const auto anonymous = make(options(false));
    const auto nobody = must(make_client({.ca = ca.cert()}, "proxy.test"));
    const auto meets = [&](const TlsServer& server) {
        TlsPair pair(nobody->session(), server.session());
        if (!pair.shake() || !send_all(*pair.server, "x")) return false;
        return receive(*pair.client, 1).bytes == "x";
    };
    EXPECT_TRUE(meets(*anonymous));
    EXPECT_TRUE(meets(*anonymous));
    EXPECT_FALSE(meets(*make(options(), anonymous.get())));
}

/// Both ends go on after whoever made them was replaced, in all that needs the maker: callbacks of
/// the handshake, tickets, and their keys.
void expect_to_outlive(TlsPair& pair, const std::function<void()>& replace_makers) {
    replace_makers();
    ASSERT_TRUE(pair.shake()) << pair.client->failure() << pair.server->failure();
    EXPECT_TRUE(send_all(*pair.server, "answer"));
    EXPECT_EQ(receive(*pair.client, 6).bytes, "answer");
    EXPECT_TRUE(send_all(*pair.client, "question"));
    EXPECT_EQ(receive(*pair.server, 8).bytes, "question");
    EXPECT_EQ(pair.client->shut_send(), 0);
    EXPECT_EQ(receive(*pair.server).end, End::fin);
}

TEST_F(TlsServerTest, a_session_outlives_its_server_and_its_client) {
    replace(ca_file, ca);
    auto server = make(options());
    std::shared_ptr<TlsClient> own = std::move(client);
    const std::weak_ptr<TlsServer> old_server = server;
    const std::weak_ptr<TlsClient> old_client = own;
    {
        TlsPair pair(own->session(), server->session());
        expect_to_outlive(pair, [&] {
            server = make(options(), server.get());
            own = must(make_client({.ca = ca.cert()}, "proxy.test"));
        });
        EXPECT_FALSE(old_server.expired() || old_client.expired());
    }
    EXPECT_TRUE(old_server.expired() && old_client.expired()) << "they go with the last session";
}

TEST_F(TlsServerTest, a_pinning_client_goes_on_too) {
    replace(ca_file, ca);
    auto server = make(options(false));
    const std::string other_pin = "sha256/" + std::string(43, 'A') + "=";
    std::shared_ptr<TlsClient> own = must(make_client({.pin = other_pin}, "proxy.test"));
    TlsPair pair(own->session(), server->session());
    own.reset();
    server.reset();
    EXPECT_FALSE(pair.shake());
    EXPECT_NE(pair.client->failure(), "");
}

TEST(TlsPskLife, a_session_outlives_the_keys_of_its_network) {
    const auto key = [](TlsSide side) {
        return std::make_shared<const TlsPsk>(side, std::vector{Secret("0123456789abcdef")}, "t");
    };
    auto client = key(TlsSide::client), server = key(TlsSide::server);
    const std::weak_ptr<const TlsPsk> old_client = client, old_server = server;
    {
        TlsPair pair(client->session(), server->session());
        expect_to_outlive(pair, [&] { client = server = nullptr; });
    }
    EXPECT_TRUE(old_client.expired() && old_server.expired());
}

TEST(TlsPskLife, keys_are_alike_by_their_content_their_topic_and_their_side) {
    const auto key = [](const std::string& secret, const char* topic = "t",
                        TlsSide side = TlsSide::client) {
        return std::make_shared<const TlsPsk>(side, std::vector{Secret(secret)}, topic);
    };
    const auto first = key("0123456789abcdef");
    EXPECT_TRUE(key("0123456789abcdef")->is_like(*first));
    EXPECT_FALSE(key("0123456789abcdeX")->is_like(*first));
    EXPECT_FALSE(key("0123456789abcdef", "other")->is_like(*first));
    EXPECT_FALSE(key("0123456789abcdef", "t", TlsSide::server)->is_like(*first));
}

}  // namespace
}  // namespace inout::server_test
