// What a dial to the proxy says about the proxy, and when it is not begun.
#include "common/open/proxy_link.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "../loopback.hpp"
#include "../tls_pair.hpp"
#include "common/os/secret_file.hpp"

namespace inout::proxy_link_test {
namespace {

using namespace std::chrono_literals;
using Dialled = Result<ConnectionPtr, Reason>;

/// A proxy that takes connections and never says a word of TLS.
class ProxyLinkTest : public testing::Test {
  protected:
    ProxyLinkTest() {
        ::fcntl(silent.fd(), F_SETFL, O_NONBLOCK);
        const TlsClientOptions any{.pin = "sha256/" + std::string(43, 'A') + "="};
        TrustStores trusts;
        auto made = ProxyLink::make({"127.0.0.1", silent.port()}, any, std::nullopt, trusts);
        EXPECT_TRUE(made);
        proxy_link = std::move(*made);
    }

    Dialled dial(Milliseconds timeout, DialFor what, Milliseconds wait,
                 const Connection* asker = nullptr) {
        auto dialled =
            run(context, proxy_link->dial(context.get_executor(), timeout, what, wait, asker));
        return std::move(*dialled);
    }
    /// How many of a first crowd of dials reach the proxy: the others have no turn, and leave.
    std::size_t crowd() {
        std::size_t refused = 0, arrived = 0;
        const auto spare = [](ProxyLinkTest* test, std::size_t* count) -> Task<> {
            const auto dialled = co_await test->proxy_link->dial(test->context.get_executor(), 600s,
                                                                 DialFor::spare, 0ms);
            if (!dialled) ++*count;
        };
        for (std::size_t i = 0; i < kDialsFirst; ++i) {
            asio::co_spawn(context, spare(this, &refused),
                           [](const std::exception_ptr& error) { EXPECT_FALSE(error); });
        }
        EXPECT_TRUE(run_until(context, [&] {
            arrived += arrivals();
            return arrived + refused == kDialsFirst;
        }));
        return arrived;
    }
    std::size_t arrivals() {
        std::size_t count = 0;
        for (; auto fd = silent.accept(); ++count) held.push_back(std::move(fd));
        return count;
    }

    LoopbackListener silent;
    std::vector<UniqueFd> held;
    std::shared_ptr<const ProxyLink> proxy_link;
    asio::io_context context;
};

TEST_F(ProxyLinkTest, a_dial_that_its_stream_cuts_short_does_not_make_the_next_ones_fewer) {
    EXPECT_FALSE(dial(600s, DialFor::stream, 20ms));
    EXPECT_EQ(arrivals(), 1U);
    EXPECT_EQ(crowd(), kDialsFirst);
}

TEST_F(ProxyLinkTest, a_dial_that_used_its_time_up_halves_them) {
    EXPECT_FALSE(dial(20ms, DialFor::stream, 600s));
    EXPECT_EQ(arrivals(), 1U);
    EXPECT_EQ(crowd(), kDialsFirst / 2);
}

TEST_F(ProxyLinkTest, a_stream_whose_time_is_over_is_not_dialled) {
    const auto late = dial(600s, DialFor::stream, 0ms);
    ASSERT_FALSE(late);
    EXPECT_NE(late.error().detail.find("no turn in time"), std::string::npos);
    EXPECT_EQ(arrivals(), 0U);
}

TEST_F(ProxyLinkTest, a_client_that_is_gone_costs_no_dial) {
    TcpPair pair;
    Connection client = adopt(context, std::move(pair.a));
    client.note_reset();
    const auto dialled = dial(600s, DialFor::stream, 600s, &client);
    ASSERT_FALSE(dialled);
    EXPECT_EQ(dialled.error().code, Code::client_gone);
    EXPECT_EQ(arrivals(), 0U);
}

/// What a file of a configuration has at a reload, and the links that are made from it then.
class LikeProxyLinkTest : public testing::Test {
  protected:
    LikeProxyLinkTest() { put(secret_of('a')); }
    ~LikeProxyLinkTest() override { std::filesystem::remove(file); }

    static std::string secret_of(char digit) { return std::string(64, digit); }
    void put(const std::string& secret) const {
        std::filesystem::remove(file);
        ASSERT_EQ(write_new_secret_file(file, secret), std::nullopt);
    }
    std::shared_ptr<const ProxyLink> make(const HostPort& server = {"127.0.0.1", 1}) const {
        TrustStores trusts;
        auto made = ProxyLink::make(server, std::nullopt, KeyOptions{"id", file}, trusts);
        EXPECT_TRUE(made) << made.error();
        return made ? std::move(*made) : nullptr;
    }
    static std::shared_ptr<const ProxyLink> with(const TlsClientOptions& tls) {
        TrustStores trusts;
        auto made = ProxyLink::make({"127.0.0.1", 1}, tls, std::nullopt, trusts);
        EXPECT_TRUE(made) << made.error();
        return made ? std::move(*made) : nullptr;
    }

    const std::string file = testing::TempDir() + "inout-like-" + std::to_string(::getpid());
};

TEST_F(LikeProxyLinkTest, one_that_is_read_again_is_like_the_first_until_the_secret_changes) {
    const auto first = make();
    EXPECT_TRUE(make()->is_like(*first));
    put(secret_of('a'));
    EXPECT_TRUE(make()->is_like(*first)) << "another file with the same content";
    put(secret_of('b'));
    EXPECT_FALSE(make()->is_like(*first));
    EXPECT_FALSE(make({"127.0.0.1", 2})->is_like(*make()));
}

TEST_F(LikeProxyLinkTest, a_renewed_certificate_or_another_ca_makes_it_another) {
    const Certificate ca({.common_name = "ca"}), other_ca({.common_name = "ca"});
    const Certificate site({.names = {{GEN_DNS, "site"}}}, &ca);
    const Certificate renewed({.names = {{GEN_DNS, "site"}}}, &ca);
    const auto copy = [](const Certificate& from, const Certificate& to) {
        using std::filesystem::copy_options;
        std::filesystem::copy(from.cert(), to.cert(), copy_options::overwrite_existing);
        std::filesystem::copy(from.key(), to.key(), copy_options::overwrite_existing);
    };
    const TlsClientOptions options{.ca = ca.cert(), .cert = site.cert(), .key = site.key()};
    const auto first = with(options);
    EXPECT_TRUE(with(options)->is_like(*first));
    copy(renewed, site);
    const auto second = with(options);
    EXPECT_FALSE(second->is_like(*first));
    copy(other_ca, ca);
    EXPECT_FALSE(with(options)->is_like(*second));
    EXPECT_FALSE(with({.ca = ca.cert()})->is_like(*with({.ca = other_ca.cert()})))
        << "the same content, but it has to be looked at elsewhere from now on";
}

}  // namespace
}  // namespace inout::proxy_link_test
