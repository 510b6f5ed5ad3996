#include "common/config/types.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace inout::types_test {
namespace {

std::string file_text(const std::string& name) {
    std::ifstream file(INOUT_SOURCE_DIR "/tests/e2e/original/" + name);
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

const std::string kPin = "sha256/" + std::string(43, 'A') + "=";

const std::string kEveryKeyOfIn = R"({
    "networks": [{"server_host": "relay", "server_port": 65535, "bind": "::1", "port": 0,
        "topic": "数据 库",
        "tls": {"ca": "ca.pem", "server_name": "relay.example.com", "cert": "c.pem",
                "key": "k.pem", "pin": ")" +
                                  kPin + R"("},
        "auth": {"id": "office", "secret_file": "secret"}, "e2e": {"key_file": "e2e.key"},
        "compression": "zstd",
        "allow": ["10.0.0.0/8"], "deny": [], "proxy_protocol": true}],
    "tls": {}, "auth": {"id": "other", "secret_file": "/etc/secret"},
    "allow": ["::1"], "deny": ["10.1.0.0/16", "2001:db8::/32"],
    "trusted": ["10.0.0.2"],
    "connect_timeout": 101, "open_timeout": 102, "peer_timeout": 103, "drain_timeout": 0,
    "idle_timeout": 104, "stall_timeout": 105, "stream_buffer": 106,
    "limits": {"streams_per_client": 107}, "first_look": "off",
    "threads": 64, "log": {"level": "debug", "format": "json"}})";

const std::string kEveryKeyOfOut = R"({
    "networks": [{"server_host": "relay", "server_port": 1, "backend_host": "fe80::1%eth0",
        "backend_port": 22, "topic": "ssh.*", "share": true, "weight": 7, "pattern": true,
        "proxy_protocol": "v2",
        "tls": {"ca": "ca.pem", "server_name": "relay.example.com", "cert": "c.pem",
                "key": "k.pem", "pin": ")" +
                                   kPin + R"("},
        "auth": {"id": "office", "secret_file": "secret"},
        "e2e": {"key_file": "new.key", "also_accept": "old.key"},
        "compression": "zstd"}],
    "tls": {}, "auth": {"id": "other", "secret_file": "/etc/secret"},
    "retry_interval": 101, "heartbeat_interval": 102, "heartbeat_timeout": 103,
    "connect_timeout": 104, "open_timeout": 105, "peer_timeout": 106, "drain_timeout": 107,
    "idle_timeout": 108, "stall_timeout": 109, "stream_buffer": 110,
    "threads": 1, "log": {"level": "error"}})";

const std::string kEveryKeyOfProxy = R"({
    "bind": "0.0.0.0", "port": 0,
    "tls": {"mode": "optional", "cert": "c.pem", "key": "k.pem", "client_ca": "clients.pem",
            "min_version": "1.2"},
    "auth": {"keys": [{"id": "office", "secret_file": "a", "in": ["mysql", "db.*"],
                       "out": ["ssh"], "client": true}],
             "certs": [{"name": "site-c", "out": ["#"]}],
             "anonymous": {"in": ["public.#"]}},
    "allow": ["0.0.0.0/0"], "deny": ["192.0.2.7"], "trusted": ["10.0.0.1"],
    "proxy_protocol": true,
    "heartbeat_timeout": 101, "handshake_timeout": 108, "tls_timeout": 102,
    "open_timeout": 103, "answer_timeout": 104, "peer_timeout": 105, "drain_timeout": 106,
    "idle_timeout": 109, "stall_timeout": 110, "stream_buffer": 111,
    "pool": {"min": 0, "max": 1},
    "dispatch": [{"topics": ["web.#"], "by": "source"}, {"by": "random"}], "threads": 2, "log": {"format": "text"},
    "limits": {"connections": 11, "handshakes": 12, "per_source": 13, "streams_per_topic": 14,
               "streams_per_key": 15, "topics_per_key": 16, "topics": 17, "waiting": 18,
               "warm": 19}})";

template <class Value>
std::vector<Value> parsed(std::initializer_list<std::string_view> texts) {
    std::vector<Value> values;
    for (const auto text : texts) values.push_back(Value::parse(text).value());
    return values;
}
std::vector<AddressRange> ranges(std::initializer_list<std::string_view> texts) {
    return parsed<AddressRange>(texts);
}
std::vector<TopicPattern> patterns(std::initializer_list<std::string_view> texts) {
    return parsed<TopicPattern>(texts);
}

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
    InConfig expected;
    InNetwork network{{"relay", 65535}, {"::1", 0}, "数据 库"};
    network.tls = {"ca.pem", "relay.example.com", "c.pem", "k.pem", kPin};
    network.auth = {"office", "secret"};
    network.e2e = {"e2e.key", ""};
    network.compression = Compression::zstd;
    network.allow = ranges({"10.0.0.0/8"});
    network.deny.emplace();
    network.proxy_protocol = true;
    expected.networks = {network};
    expected.tls.emplace();
    expected.auth = {"other", "/etc/secret"};
    expected.access = {ranges({"::1"}), ranges({"10.1.0.0/16", "2001:db8::/32"})};
    expected.trusted = ranges({"10.0.0.2"});
    expected.connect_timeout = Milliseconds{101};
    expected.open_timeout = Milliseconds{102};
    expected.first_look = Switch::off;
    expected.peer_timeout = Milliseconds{103};
    expected.idle_timeout = Milliseconds{104};
    expected.stall_timeout = Milliseconds{105};
    expected.stream_buffer = 106;
    expected.streams_per_client = 107;
    expected.drain_timeout = Milliseconds{0};
    expected.threads = 64;
    expected.log = {log::Level::debug, log::Format::json};
    EXPECT_EQ(in_config(kEveryKeyOfIn), expected);
}

TEST(Config, reads_every_key_of_out) {
    OutConfig expected;
    OutNetwork network{{"relay", 1}, {"fe80::1%eth0", 22}, "ssh.*", true, 7, true};
    network.tls = {"ca.pem", "relay.example.com", "c.pem", "k.pem", kPin};
    network.auth = {"office", "secret"};
    network.e2e = {"new.key", "old.key"};
    network.compression = Compression::zstd;
    network.proxy_protocol = ProxyProtocol::v2;
    expected.networks = {network};
    expected.tls.emplace();
    expected.auth = {"other", "/etc/secret"};
    expected.retry_interval = Milliseconds{101};
    expected.heartbeat_interval = Milliseconds{102};
    expected.heartbeat_timeout = Milliseconds{103};
    expected.connect_timeout = Milliseconds{104};
    expected.open_timeout = Milliseconds{105};
    expected.peer_timeout = Milliseconds{106};
    expected.idle_timeout = Milliseconds{108};
    expected.stall_timeout = Milliseconds{109};
    expected.stream_buffer = 110;
    expected.drain_timeout = Milliseconds{107};
    expected.threads = 1;
    expected.log.level = log::Level::error;
    EXPECT_EQ(out_config(kEveryKeyOfOut), expected);
}

TEST(Config, reads_every_key_of_proxy) {
    ProxyConfig expected;
    expected.listen = {"0.0.0.0", 0};
    expected.tls = {"c.pem", "k.pem", TlsMode::optional, "clients.pem", TlsVersion::v1_2};
    expected.auth.emplace();
    expected.auth->keys = {{"office", "a", {patterns({"mysql", "db.*"}), patterns({"ssh"}), true}}};
    expected.auth->certs = {{"site-c", {{}, patterns({"#"})}}};
    expected.auth->anonymous = {patterns({"public.#"}), {}};
    expected.access = {ranges({"0.0.0.0/0"}), ranges({"192.0.2.7"})};
    expected.trusted = ranges({"10.0.0.1"});
    expected.proxy_protocol = true;
    expected.heartbeat_timeout = Milliseconds{101};
    expected.handshake_timeout = Milliseconds{108};
    expected.tls_timeout = Milliseconds{102};
    expected.open_timeout = Milliseconds{103};
    expected.answer_timeout = Milliseconds{104};
    expected.peer_timeout = Milliseconds{105};
    expected.idle_timeout = Milliseconds{109};
    expected.stall_timeout = Milliseconds{110};
    expected.stream_buffer = 111;
    expected.drain_timeout = Milliseconds{106};
    expected.pool_min = 0;
    expected.pool_max = 1;
    expected.dispatch = {{patterns({"web.#"}), Dispatch::source}, {{}, Dispatch::random}};
    expected.threads = 2;
    expected.limits = {11, 12, 13, 14, 15, 16, 17, 18, 19};
    EXPECT_EQ(proxy_config(kEveryKeyOfProxy), expected);
}

TEST(Config, without_tls_timeout_takes_5_seconds_or_a_shorter_handshake_timeout) {
    EXPECT_EQ(proxy_config("{}").tls_timeout, Milliseconds{5'000});
    EXPECT_EQ(proxy_config(R"({"handshake_timeout": 300})").tls_timeout, Milliseconds{300});
    EXPECT_EQ(proxy_config(R"({"handshake_timeout": 60000})").tls_timeout, Milliseconds{5'000});
}

TEST(Config, demands_tls_1_3_where_it_has_a_certificate) {
    const auto tls = proxy_config(R"({"tls": {"cert": "c", "key": "k"}})").tls;
    EXPECT_EQ(tls, (TlsServerOptions{"c", "k", TlsMode::required, "", TlsVersion::v1_3}));
}

TEST(Config, trusts_loopback_unless_told_otherwise) {
    EXPECT_EQ(proxy_config("{}").trusted, ranges({"127.0.0.0/8", "::1"}));
    EXPECT_EQ(proxy_config(R"({"trusted": []})").trusted, ranges({}));
    EXPECT_EQ(in_config(R"({"networks": [)" + kInEntry + "]}").trusted,
              ranges({"127.0.0.0/8", "::1"}));
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
    "allow": [],
    "deny": [],
    "trusted": [
        "127.0.0.0/8",
        "::1"
    ],
    "proxy_protocol": false,
    "websocket": "/inout",
    "heartbeat_timeout": 60000,
    "handshake_timeout": 10000,
    "tls_timeout": 5000,
    "open_timeout": 5000,
    "answer_timeout": 8000,
    "pool": {
        "min": 2,
        "max": 100
    },
    "dispatch": [],
    "limits": {
        "connections": 0,
        "handshakes": 4000,
        "per_source": 1000,
        "streams_per_topic": 10000,
        "streams_per_key": 10000,
        "topics_per_key": 1000,
        "topics": 10000,
        "waiting": 1000,
        "warm": 1000
    },
    "peer_timeout": 30000,
    "idle_timeout": 0,
    "stall_timeout": 0,
    "stream_buffer": 0,
    "drain_timeout": 10000,
    "threads": 0,
    "log": {
        "level": "info",
        "format": "text"
    }
})");
}

TEST(EffectiveConfig, shows_file_names_as_written_and_no_key_that_the_file_lacks) {
    auto out = default_out_config();
    out.networks[0].tls = TlsClientOptions{"../ca.pem", "", "", "", ""};
    out.networks[0].e2e = E2eOptions{"e2e.key", ""};
    const std::string text = to_json(out);
    EXPECT_NE(text.find(R"("topic": "default",
            "share": false,
            "weight": 1,
            "pattern": false,
            "tls": {
                "ca": "../ca.pem"
            },
            "e2e": {
                "key_file": "e2e.key",
                "key_format": "new_key"
            },
            "compression": "off"
        })"),
              text.npos)
        << text;
    EXPECT_EQ(text.find("auth"), text.npos);
}

TEST(EffectiveConfig, reads_back_as_the_same_configuration) {
    auto in = in_config(kEveryKeyOfIn);
    in.networks.push_back({{"2001:db8::1", 1}, {"::", 0}, "quote \" backslash \\ 数据"});
    EXPECT_EQ(in_config(to_json(in)), in);
    const auto out = out_config(kEveryKeyOfOut);
    EXPECT_EQ(out_config(to_json(out)), out);
    const auto proxy = proxy_config(kEveryKeyOfProxy);
    EXPECT_EQ(proxy_config(to_json(proxy)), proxy);
    const auto brief = proxy_config(R"({"handshake_timeout": 100, "tls": {"mode": "off"}})");
    EXPECT_EQ(proxy_config(to_json(brief)), brief);
}

TEST(LogNames, are_those_of_the_configuration) {
    EXPECT_EQ(parse_log_level("warning"), log::Level::warning);
    EXPECT_EQ(parse_log_level("Warning"), log::Level::warning);
    EXPECT_EQ(parse_log_level("warn"), log::Level::warning);
    EXPECT_EQ(parse_log_level("ERR"), log::Level::error);
    EXPECT_EQ(parse_log_level("wa"), std::nullopt);
    EXPECT_EQ(parse_log_level(""), std::nullopt);
    EXPECT_EQ(parse_log_format("json"), log::Format::json);
    EXPECT_EQ(parse_log_format("xml"), std::nullopt);
}

}  // namespace
}  // namespace inout::types_test
