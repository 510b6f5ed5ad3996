// The lists of servers in a configuration.
#include <gtest/gtest.h>

#include "common/config/types.hpp"

namespace inout::servers_test {
namespace {

std::string network(const std::string& members) {
    return R"({"networks": [{"port": 2, )" + members + "}]}";
}

Result<InConfig, ConfigProblems> parse(const std::string& members) {
    return parse_in_config(network(members), "f");
}

std::string problems(const std::string& members) {
    const auto parsed = parse(members);
    if (parsed) return "";
    std::string text;
    for (const std::string& line : parsed.error()) text += line + "\n";
    return text;
}

TEST(Servers, are_listed_in_their_order) {
    const auto config = parse(R"("servers": ["a:40001", "[::1]:40002"])");
    ASSERT_TRUE(config);
    const InNetwork& network = config->networks[0];
    EXPECT_EQ(servers_text(network), "a:40001, [::1]:40002");
    EXPECT_EQ(servers_of(network)[1].place(), (HostPort{"::1", 40'002}));
    EXPECT_FALSE(network.select || network.fail_timeout);
}

TEST(Servers, are_one_without_a_list) {
    const auto config = parse(R"("server_host": "::1", "server_port": 1)");
    ASSERT_TRUE(config);
    EXPECT_EQ(servers_text(config->networks[0]), "[::1]:1");
}

TEST(Servers, come_out_as_they_went_in) {
    for (const char* members :
         {R"("servers": ["a:1", "b:2"], "select": "least_time", "fail_timeout": 100)",
          R"("server_host": "a", "server_port": 1)"}) {
        const auto config = parse(members);
        ASSERT_TRUE(config);
        const auto again = parse_in_config(to_json(*config), "f");
        ASSERT_TRUE(again);
        EXPECT_EQ(*again, *config);
    }
}

TEST(Servers, are_selected_as_the_network_says_or_else_the_file) {
    const auto config = parse_in_config(
        R"({"select": "random", "fail_timeout": 600000, "networks": [
            {"servers": ["a:1", "b:1"], "port": 1, "select": "round_robin", "fail_timeout": 100},
            {"servers": ["a:1"], "port": 2}]})",
        "f");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->select, SelectServer::random);
    EXPECT_EQ(config->fail_timeout, Milliseconds{600'000});
    EXPECT_EQ(config->networks[0].select, SelectServer::round_robin);
    EXPECT_EQ(config->networks[0].fail_timeout, Milliseconds{100});
    EXPECT_FALSE(config->networks[1].select);
    EXPECT_NE(problems(R"("servers": ["a:1"], "fail_timeout": 99)"), "");
    EXPECT_NE(problems(R"("servers": ["a:1"], "select": "source")"), "");
}

TEST(Servers, and_the_keys_of_one_exclude_each_other) {
    EXPECT_EQ(problems(R"("servers": ["a:1"], "server_host": "b", "server_port": 2)"),
              "f:1:62: networks[0].server_host: has no meaning beside \"servers\"\n"
              "f:1:82: networks[0].server_port: has no meaning beside \"servers\"\n");
    EXPECT_EQ(problems(R"("topic": "t")"),
              "f:1:15: networks[0].server_host: is required\n"
              "f:1:15: networks[0].server_port: is required\n");
}

TEST(Servers, are_one_to_sixteen_and_differ) {
    EXPECT_EQ(problems(R"("servers": [])"),
              "f:1:38: networks[0].servers: must name at least one server\n");
    EXPECT_EQ(problems(R"("servers": ["a:1", "A.:1"])"),
              "f:1:38: networks[0].servers: names A.:1 twice\n");
    EXPECT_EQ(problems(R"("servers": ["[::1]:1", "[0::1]:1"])"),
              "f:1:38: networks[0].servers: names [0::1]:1 twice\n");
    std::string many = "\"servers\": [";
    for (std::size_t i = 1; i <= kServersMax; ++i) many += "\"a:" + std::to_string(i) + "\",";
    EXPECT_EQ(problems(many + "]"), "");
    EXPECT_NE(problems(many + "\"b:1\"]"), "");
}

TEST(Servers, are_hosts_with_ports) {
    for (const char* wrong : {"a", "a:0", ":1", "127.1:1", "http://a:1", "::1:1", "a:1:1", ""}) {
        EXPECT_NE(problems("\"servers\": [\"" + std::string(wrong) + "\"]"), "") << wrong;
    }
    EXPECT_NE(problems(R"("servers": "a:1")"), "");
    EXPECT_NE(problems(R"("servers": [1])"), "");
}

TEST(Servers, of_whom_one_is_elsewhere_are_warned_of_as_one_is) {
    ConfigWarnings warnings;
    const std::string auth = R"("auth": {"id": "a", "secret_file": "s"}, "servers": )";
    ASSERT_TRUE(parse_in_config(network(auth + R"(["127.0.0.1:1", "b:1"])"), "f", &warnings));
    EXPECT_EQ(warnings.size(), 1U);
    ASSERT_TRUE(parse_in_config(network(auth + R"(["127.0.0.1:1", "[::1]:1"])"), "f", &warnings));
    EXPECT_EQ(warnings.size(), 0U);
}

}  // namespace
}  // namespace inout::servers_test
