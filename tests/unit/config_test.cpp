#include "common/protocol/config.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

namespace inout {
namespace {

std::string file_text(const std::string& name) {
    std::ifstream file(INOUT_SOURCE_DIR "/configs/" + name);
    EXPECT_TRUE(file) << name;
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

InConfig in_config(const std::string& text) { return parse_in_config(text, "f").value(); }
OutConfig out_config(const std::string& text) { return parse_out_config(text, "f").value(); }
ProxyConfig proxy_config(const std::string& text) { return parse_proxy_config(text, "f").value(); }

const std::string kInEntry = R"({"server_host": "h", "server_port": 1, "port": 2})";
const std::string kOutEntry =
    R"({"server_host": "h", "server_port": 1, "backend_host": "b", "backend_port": 2})";

TEST(ConfigFiles, of_in_that_exist_today_parse) {
    const auto config = in_config(file_text("in.json"));
    InConfig expected;
    expected.networks = {{{"192.168.1.2", 40001}, {"127.0.0.1", 40004}, "mysql"},
                         {{"192.168.1.2", 40001}, {"127.0.0.1", 40002}, "redis"}};
    EXPECT_EQ(config, expected);
}

TEST(ConfigFiles, of_out_that_exist_today_parse) {
    const auto config = out_config(file_text("out.json"));
    OutConfig expected;
    expected.networks = {{{"192.168.1.2", 40001}, {"127.0.0.1", 22}, "ssh"},
                         {{"192.168.1.2", 40001}, {"127.0.0.1", 3306}, "mysql"}};
    expected.retry_interval = Milliseconds{2000};
    expected.heartbeat_interval = Milliseconds{2000};
    expected.heartbeat_timeout = Milliseconds{20000};
    EXPECT_EQ(config, expected);
}

TEST(ConfigFiles, that_register_one_topic_with_several_proxies_parse) {
    const auto config = out_config(file_text("out-scale-out.json"));
    OutConfig expected;
    expected.networks = {{{"192.168.1.2", 40001}, {"192.168.1.160", 3306}, "mysql"},
                         {{"192.168.1.3", 40001}, {"127.0.0.1", 1080}, "mysql"},
                         {{"192.168.1.4", 40001}, {"127.0.0.1", 1080}, "mysql"}};
    EXPECT_EQ(config, expected);
}

TEST(ConfigFiles, of_proxy_that_exist_today_parse) {
    ProxyConfig expected;
    expected.listen = {"127.0.0.1", 40005};
    EXPECT_EQ(proxy_config(file_text("proxy.json")), expected);
}

TEST(DefaultConfig, is_the_originals) {
    const auto in = default_in_config();
    ASSERT_EQ(in.networks.size(), 1U);
    EXPECT_EQ(in.networks[0], (InNetwork{{"127.0.0.1", 40001}, {"127.0.0.1", 40002}, "default"}));
    const auto out = default_out_config();
    ASSERT_EQ(out.networks.size(), 1U);
    EXPECT_EQ(out.networks[0], (OutNetwork{{"127.0.0.1", 40001}, {"127.0.0.1", 40003}, "default"}));
    EXPECT_EQ(default_proxy_config().listen, (HostPort{"127.0.0.1", 40001}));
}

TEST(DefaultConfig, of_the_proxy_is_that_of_an_empty_file) {
    EXPECT_EQ(proxy_config("{}"), default_proxy_config());
}

TEST(Config, fills_in_what_a_network_may_leave_out) {
    const auto in = in_config(R"({"networks": [)" + kInEntry + "]}");
    EXPECT_EQ(in.networks.at(0), (InNetwork{{"h", 1}, {"127.0.0.1", 2}, "default"}));
    const auto out = out_config(R"({"networks": [)" + kOutEntry + "]}");
    EXPECT_EQ(out.networks.at(0), (OutNetwork{{"h", 1}, {"b", 2}, "default"}));
}

TEST(Config, reads_every_key_of_in) {
    const auto config = in_config(R"({
        "networks": [{"server_host": "relay", "server_port": 65535, "bind": "::1", "port": 0,
                      "topic": "数据 库"}],
        "connect_timeout": 101, "open_timeout": 102, "peer_timeout": 103, "drain_timeout": 0,
        "threads": 64, "log": {"level": "debug", "format": "json"}})");
    InConfig expected;
    expected.networks = {{{"relay", 65535}, {"::1", 0}, "数据 库"}};
    expected.connect_timeout = Milliseconds{101};
    expected.open_timeout = Milliseconds{102};
    expected.peer_timeout = Milliseconds{103};
    expected.drain_timeout = Milliseconds{0};
    expected.threads = 64;
    expected.log = {log::Level::debug, log::Format::json};
    EXPECT_EQ(config, expected);
}

TEST(Config, reads_every_key_of_out) {
    const auto config = out_config(R"({
        "networks": [{"server_host": "relay", "server_port": 1, "backend_host": "fe80::1%eth0",
                      "backend_port": 22, "topic": "ssh"}],
        "retry_interval": 101, "heartbeat_interval": 102, "heartbeat_timeout": 103,
        "connect_timeout": 104, "open_timeout": 105, "peer_timeout": 106, "drain_timeout": 107,
        "threads": 1, "log": {"level": "error"}})");
    OutConfig expected;
    expected.networks = {{{"relay", 1}, {"fe80::1%eth0", 22}, "ssh"}};
    expected.retry_interval = Milliseconds{101};
    expected.heartbeat_interval = Milliseconds{102};
    expected.heartbeat_timeout = Milliseconds{103};
    expected.connect_timeout = Milliseconds{104};
    expected.open_timeout = Milliseconds{105};
    expected.peer_timeout = Milliseconds{106};
    expected.drain_timeout = Milliseconds{107};
    expected.threads = 1;
    expected.log.level = log::Level::error;
    EXPECT_EQ(config, expected);
}

TEST(Config, reads_every_key_of_proxy) {
    const auto config = proxy_config(R"({
        "bind": "0.0.0.0", "port": 0, "heartbeat_timeout": 101, "handshake_timeout": 102,
        "open_timeout": 103, "answer_timeout": 104, "peer_timeout": 105, "drain_timeout": 106,
        "pool": {"min": 0, "max": 1}, "threads": 2, "log": {"format": "text"},
        "limits": {"connections": 11, "handshakes": 12, "topics": 13, "waiting": 14,
            "warm": 15}})");
    ProxyConfig expected;
    expected.listen = {"0.0.0.0", 0};
    expected.heartbeat_timeout = Milliseconds{101};
    expected.handshake_timeout = Milliseconds{102};
    expected.open_timeout = Milliseconds{103};
    expected.answer_timeout = Milliseconds{104};
    expected.peer_timeout = Milliseconds{105};
    expected.drain_timeout = Milliseconds{106};
    expected.pool_min = 0;
    expected.pool_max = 1;
    expected.threads = 2;
    expected.limits = {11, 12, 13, 14, 15};
    EXPECT_EQ(config, expected);
}

TEST(Config, takes_ipv6_hosts_with_and_without_brackets) {
    EXPECT_EQ(proxy_config(R"({"bind": "[::1]"})").listen.host, "::1");
    EXPECT_EQ(proxy_config(R"({"bind": "::1"})").listen.host, "::1");
}

TEST(Config, ignores_a_byte_order_mark) {
    EXPECT_EQ(proxy_config("\xef\xbb\xbf{\"port\": 7}").listen.port, 7);
}

TEST(Config, may_have_comments_and_a_comma_after_the_last_member) {
    const auto config = in_config("{ // where to\n \"networks\": [" + kInEntry + ",], /* end */ }");
    EXPECT_EQ(config.networks.size(), 1U);
}

TEST(Config, takes_ten_thousand_networks) {
    std::string entries;
    for (int i = 0; i < 10'000; ++i) entries += R"({"server_host":"h","server_port":1,"port":0},)";
    EXPECT_EQ(in_config("{\"networks\":[" + entries + "]}").networks.size(), 10'000U);
}

TEST(EffectiveConfig, shows_every_key) {
    EXPECT_EQ(to_json(default_proxy_config()), R"({
    "bind": "127.0.0.1",
    "port": 40001,
    "heartbeat_timeout": 60000,
    "handshake_timeout": 10000,
    "open_timeout": 5000,
    "answer_timeout": 8000,
    "pool": {
        "min": 2,
        "max": 100
    },
    "limits": {
        "connections": 0,
        "handshakes": 1000,
        "topics": 10000,
        "waiting": 1000,
        "warm": 1000
    },
    "peer_timeout": 30000,
    "drain_timeout": 10000,
    "threads": 0,
    "log": {
        "level": "info",
        "format": "text"
    }
})");
}

TEST(EffectiveConfig, reads_back_as_the_same_configuration) {
    auto in = default_in_config();
    in.networks.push_back({{"2001:db8::1", 1}, {"::", 0}, "quote \" backslash \\ 数据"});
    in.log = {log::Level::warning, log::Format::json};
    in.open_timeout = Milliseconds{12345};
    EXPECT_EQ(in_config(to_json(in)), in);

    auto out = default_out_config();
    out.heartbeat_interval = Milliseconds{999};
    out.threads = 3;
    EXPECT_EQ(out_config(to_json(out)), out);

    auto proxy = default_proxy_config();
    proxy.pool_max = 50;
    proxy.limits.waiting = 5;
    proxy.limits.warm = 6;
    EXPECT_EQ(proxy_config(to_json(proxy)), proxy);
}

TEST(LogNames, are_those_of_the_configuration) {
    EXPECT_EQ(parse_log_level("warning"), log::Level::warning);
    EXPECT_EQ(parse_log_level("Warning"), std::nullopt);
    EXPECT_EQ(parse_log_level(""), std::nullopt);
    EXPECT_EQ(parse_log_format("json"), log::Format::json);
    EXPECT_EQ(parse_log_format("xml"), std::nullopt);
}

}  // namespace
}  // namespace inout
