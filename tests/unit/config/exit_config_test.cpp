// The exit in the configuration of out.
#include <gtest/gtest.h>

#include "../config_problems.hpp"
#include "common/config/advice.hpp"
#include "common/config/files.hpp"

namespace inout::exit_config_test {
namespace {

std::string text(const std::string& members) {
    return R"({"networks": [{"server_host": "127.0.0.1", "server_port": 1, "topic": "web", )" +
           members + "}]}";
}
bool says(const std::string& members, const std::string& what) {
    const std::string all = config_problems::out(text(members));
    EXPECT_NE(all.find(what), std::string::npos) << all;
    return all.find(what) != std::string::npos;
}

constexpr const char* kGood = R"("backend": "socks5", "exit": {"users_file": "users",
    "allow": ["*", "10.0.0.0/8:22"], "deny": ["*:25"]})";
constexpr const char* kWithKey = R"("backend": "socks5", "e2e": {"key_file": "key"})";
constexpr const char* kOpen = R"("backend": "socks5", "exit": {"open": true})";

TEST(ExitConfig, is_read_and_written) {
    for (const char* members : {kGood, kWithKey, kOpen}) {
        const auto config = parse_out_config(text(members), "f");
        ASSERT_TRUE(config) << config_problems::out(text(members));
        const OutNetwork& network = config->networks.front();
        ASSERT_TRUE(network.exit);
        EXPECT_EQ(to_string(backends_of(network).front().address), "socks5");
        const auto again = parse_out_config(to_json(*config), "f");
        ASSERT_TRUE(again) << to_json(*config);
        EXPECT_EQ(*again, *config);
    }
    const auto good = parse_out_config(text(kGood), "f");
    const ExitOptions& exit = *good->networks.front().exit;
    EXPECT_EQ(exit.rules.allow.size(), 2U);
    EXPECT_EQ(exit.rules.deny.front().text(), "*:25");
    EXPECT_EQ(files_of(*good), std::vector<std::string>{"users"});
}

TEST(ExitConfig, an_open_proxy_has_to_be_insisted_on) {
    EXPECT_TRUE(says(R"("backend": "socks5")", "networks[0]: would be an open proxy"));
    EXPECT_TRUE(says(R"("backend": "socks5", "exit": {"allow": ["*:443"]})", "an open proxy"));
    EXPECT_TRUE(says(R"("backend": "socks5", "exit": {"open": false})", "an open proxy"));
    const auto open = parse_out_config(text(kOpen), "f");
    const auto advice = security_advice(*open);
    ASSERT_EQ(advice.size(), 1U);
    EXPECT_NE(advice.front().what.find("networks[0] is an open proxy"), std::string::npos);
    EXPECT_TRUE(security_advice(*parse_out_config(text(kGood), "f")).empty());
    EXPECT_TRUE(security_advice(*parse_out_config(text(kWithKey), "f")).empty());
}

TEST(ExitConfig, has_no_other_backend_and_nothing_of_one) {
    EXPECT_TRUE(says(R"("backend": "http")", R"(backend: must be one of "socks5")"));
    for (const char* other :
         {R"("backend_host": "h")", R"("backend_port": 1)", R"("backend_unix": "/s")",
          R"("backends": [])", R"("balance": "random")", R"("fail_timeout": 1)", R"("health": {})",
          R"("backend_allow": ["10.0.0.1"])"}) {
        EXPECT_TRUE(says(std::string(kOpen) + ", " + other, "has no meaning beside \"backend\""));
    }
    EXPECT_TRUE(
        says(std::string(kOpen) + R"(, "proxy_protocol": "v2")", "proxy_protocol: can not"));
    EXPECT_TRUE(says(R"("backend_host": "h", "backend_port": 1, "exit": {})",
                     "exit: has no meaning without \"backend\": \"socks5\""));
}

TEST(ExitConfig, a_destination_that_is_none_is_named) {
    EXPECT_TRUE(says(R"("backend": "socks5", "exit": {"open": true, "allow": ["a:0"]})",
                     "networks[0].exit.allow[0]: must be a name, *.NAME"));
    EXPECT_TRUE(says(R"("backend": "socks5", "exit": {"open": true, "deny": ["10.0.0.1/8"]})",
                     "networks[0].exit.deny[0]: has bits behind its prefix length"));
    EXPECT_TRUE(says(R"("backend": "socks5", "exit": {"alow": []})", "did you mean \"allow\"?"));
}

}  // namespace
}  // namespace inout::exit_config_test
