// The keys of WebSocket in a configuration.
#include <gtest/gtest.h>

#include "common/config/advice.hpp"
#include "common/config/types.hpp"

namespace inout::websocket_config_test {
namespace {

std::string in_file(const std::string& members, const std::string& top = {}) {
    return "{" + top + R"("networks": [{"port": 2, )" + members + "}]}";
}

template <class Config>
std::string problems_of(const Result<Config, ConfigProblems>& parsed) {
    std::string text;
    if (!parsed) {
        for (const std::string& line : parsed.error()) text += line + "\n";
    }
    return text;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST(WebSocketConfig, a_server_may_be_a_url) {
    const auto config = parse_in_config(
        in_file(R"("servers": ["wss://Relay", "ws://relay:81/a", "relay:40001"])"), "f");
    ASSERT_TRUE(config) << problems_of(config);
    EXPECT_EQ(servers_text(config->networks[0]), "wss://relay/inout, ws://relay:81/a, relay:40001");
    EXPECT_EQ(servers_of(config->networks[0])[0].target(), (HostPort{"relay", 443}));
    const auto again = parse_in_config(to_json(*config), "f");
    ASSERT_TRUE(again) << problems_of(again);
    EXPECT_EQ(*again, *config);
}

TEST(WebSocketConfig, a_wrong_url_is_told_what_is_wrong) {
    const auto wrong = [](const std::string& url) {
        return problems_of(parse_in_config(in_file("\"servers\": [\"" + url + "\"]"), "f"));
    };
    EXPECT_TRUE(contains(wrong("wss://relay/a?b"), "has a path that must be a path alone"));
    EXPECT_TRUE(contains(wrong("wss://me@relay"), "must have no user"));
    EXPECT_TRUE(
        contains(problems_of(parse_in_config(
                     in_file(R"("servers": ["wss://relay", "wss://RELAY:443/inout"])"), "f")),
                 "names wss://relay/inout twice"));
    EXPECT_EQ(problems_of(parse_in_config(in_file(R"("servers": ["ws://r/a", "ws://r/A"])"), "f")),
              "");
    EXPECT_TRUE(contains(problems_of(parse_in_config(
                             in_file(R"("server_host": "wss://relay", "server_port": 1)"), "f")),
                         "\"servers\", with its whole URL"));
}

TEST(WebSocketConfig, tls_of_the_front_has_keys_of_its_own) {
    auto config = parse_in_config(
        in_file(R"("servers": ["wss://relay"], "websocket": {"server_name": "front"})",
                R"("websocket": {"ca": "front.crt"}, )"),
        "f");
    ASSERT_TRUE(config) << problems_of(config);
    EXPECT_EQ(config->websocket->ca, "front.crt");
    EXPECT_EQ(config->networks[0].websocket->server_name, "front");
    EXPECT_TRUE(contains(problems_of(parse_in_config(
                             in_file(R"("servers": ["wss://r"], "websocket": {"pin": "x"})"), "f")),
                         "unknown key \"pin\""));
}

TEST(WebSocketConfig, the_proxys_path_is_a_path_or_off) {
    const auto path = [](const std::string& members) {
        const auto config = parse_proxy_config("{" + members + "}", "f");
        return config ? config->websocket : problems_of(config);
    };
    EXPECT_EQ(path(""), "/inout");
    EXPECT_EQ(path(R"("websocket": "/a/b")"), "/a/b");
    EXPECT_EQ(path(R"("websocket": "off")"), "off");
    for (const char* wrong : {R"("websocket": "inout")", R"("websocket": "/a b")",
                              R"("websocket": "/a?b")", R"("websocket": "")"}) {
        EXPECT_TRUE(contains(path(wrong), "websocket:")) << wrong;
    }
}

TEST(WebSocketConfig, without_tls_inside_there_is_a_warning) {
    const auto advice = [](const std::string& members) {
        const auto config = parse_in_config(in_file(members), "f");
        const auto all = config ? security_advice(*config) : std::vector<Advice>();
        return all.empty() ? std::string() : all.front().what;
    };
    EXPECT_TRUE(contains(advice(R"("servers": ["wss://relay"])"), "without \"tls\""));
    EXPECT_EQ(advice(R"("servers": ["wss://relay"], "tls": {})"), "");
    EXPECT_EQ(advice(R"("servers": ["ws://127.0.0.1:80"])"), "");
    EXPECT_EQ(advice(R"("server_host": "relay", "server_port": 1)"), "");
}

}  // namespace inout::websocket_config_test
