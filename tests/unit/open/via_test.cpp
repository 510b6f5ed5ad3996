// Which links go through a forward proxy, and when two go the same way.
#include "common/open/via.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "common/open/proxy_link.hpp"

namespace inout::via_test {
namespace {

class LinkViaTest : public testing::Test {
  protected:
    ~LinkViaTest() override {
        std::remove(file.c_str());
        for (const char* name : {"https_proxy", "no_proxy"}) ::unsetenv(name);
    }
    void put(const std::string& password) const {
        std::remove(file.c_str());
        { std::ofstream(file) << password; }
        ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    }
    static Result<std::shared_ptr<const ProxyLink>, std::string> make(
        const std::optional<ViaOptions>& via, const HostPort& server = {"relay.test", 1}) {
        TrustStores trusts;
        return ProxyLink::make(server, std::nullopt, std::nullopt, trusts, via);
    }
    ViaOptions with_login() const { return {"http://lena@proxy.test:3128", file}; }

    const std::string file = testing::TempDir() + "inout-via-" + std::to_string(::getpid());
};

TEST_F(LinkViaTest, goes_there_unless_there_is_none) {
    EXPECT_EQ((*make(std::nullopt))->via(), nullptr);
    EXPECT_EQ((*make(ViaOptions{"off", ""}))->via(), nullptr);
    const auto link = *make(ViaOptions{"socks5://[::1]:1080", ""});
    ASSERT_NE(link->via(), nullptr);
    EXPECT_EQ(link->via()->place(), (HostPort{"::1", 1080}));
    EXPECT_EQ(link->place(), "relay.test:1 via socks5://[::1]:1080");
}

TEST_F(LinkViaTest, of_a_service_each_target_goes_there_that_is_no_exception) {
    ::setenv("https_proxy", "http://lena:p@proxy.test:3128", 1);
    ::setenv("no_proxy", "near.test", 1);
    const auto link = *make(ViaOptions{"env", ""}, {"_inout._tcp.near.test", 0});
    EXPECT_NE(link->towards({"relay.far.test", 1})->via(), nullptr);
    EXPECT_EQ(link->towards({"relay.near.test", 1})->via(), nullptr);
    EXPECT_EQ((*make(ViaOptions{"env", ""}, {"near.test", 1}))->via(), nullptr);
    ::unsetenv("https_proxy");
    EXPECT_EQ((*make(ViaOptions{"env", ""}))->via(), nullptr);
}

TEST_F(LinkViaTest, is_like_another_with_the_same_password) {
    put("tiny\n");
    const auto first = *make(with_login());
    put("tiny");
    EXPECT_TRUE((*make(with_login()))->is_like(*first));
    put("other\n");
    EXPECT_FALSE((*make(with_login()))->is_like(*first));
    const auto plain = *make(ViaOptions{"http://proxy.test:3128", ""});
    EXPECT_FALSE(plain->is_like(*first));
    EXPECT_FALSE(plain->is_like(**make(std::nullopt)));
}

TEST_F(LinkViaTest, needs_a_password_that_can_be_said) {
    const auto why = [&](const std::string& password) {
        put(password);
        const auto made = make(with_login());
        return made ? std::string() : made.error();
    };
    const std::string key = "via.password_file: " + file + ": ";
    EXPECT_EQ(why(std::string(255, 'x') + "\n"), "");
    EXPECT_EQ(why("\n"), key + "is empty");
    EXPECT_EQ(why(std::string(256, 'x')),
              key + "is too long to be a password: at most 255 bytes are allowed");
    EXPECT_EQ(why("two\nlines\n"), key + "must not hold control characters");
    ::setenv("https_proxy", "socks5://lena@proxy.test:1", 1);
    EXPECT_EQ(make(ViaOptions{"env", ""}).error(),
              "via: the environment's https_proxy has a password that must not be empty for "
              "SOCKS5");
}

}  // namespace
}  // namespace inout::via_test
