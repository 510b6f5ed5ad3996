// What is accepted though it may not be what was meant, and what is said about it.
#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"
#include "common/config/advice.hpp"
#include "common/config/types.hpp"

namespace inout::warnings_test {
namespace {

template <class Config>
using Parse = Result<Config, ConfigProblems> (*)(std::string_view, std::string_view,
                                                 ConfigWarnings*);

/// A configuration and the warnings about it, one per line.
template <class Config>
struct Accepted {
    Config config;
    std::string warnings;
};

template <class Config>
Accepted<Config> accepted(Parse<Config> parse, const std::string& text) {
    ConfigWarnings lines;
    auto result = parse(text, "f", &lines);
    EXPECT_TRUE(result) << config_problems::problems(result);
    std::string warnings;
    for (const auto& line : lines) warnings += line + "\n";
    return {std::move(result.value()), warnings};
}
Accepted<InConfig> accepted_in(const std::string& text) { return accepted(parse_in_config, text); }
Accepted<OutConfig> accepted_out(const std::string& text) {
    return accepted(parse_out_config, text);
}
Accepted<ProxyConfig> accepted_proxy(const std::string& text) {
    return accepted(parse_proxy_config, text);
}

const std::string kOutNetworks =
    R"("networks": [{"server_host": "h", "server_port": 1, "backend_host": "b", "backend_port": 2}])";
Accepted<OutConfig> out_with(const std::string& members) {
    return accepted_out("{" + members + ",\n" + kOutNetworks + "}");
}

TEST(LetterCase, of_keys_does_not_count_where_the_exact_key_is_not_there) {
    const auto [config, warnings] =
        accepted_proxy("{\"Port\": 7,\n \"LOG\": {\"Level\": \"debug\"}}");
    EXPECT_EQ(config.listen.port, 7);
    EXPECT_EQ(config.log.level, log::Level::debug);
    EXPECT_EQ(warnings,
              "f:1:2: the key \"Port\" is taken for \"port\"\n"
              "f:2:2: the key \"LOG\" is taken for \"log\"\n"
              "f:2:10: log: the key \"Level\" is taken for \"level\"\n");
}

TEST(LetterCase, of_the_exact_key_wins_wherever_it_stands) {
    for (const std::string text : {R"({"port": 7, "PORT": 8})", R"({"PORT": 8, "port": 7})"}) {
        const auto [config, warnings] = accepted_proxy(text);
        EXPECT_EQ(config.listen.port, 7) << text;
        EXPECT_NE(warnings.find("the key \"PORT\" is ignored: \"port\" is on line 1"),
                  warnings.npos)
            << warnings;
    }
}

TEST(LetterCase, does_not_make_two_of_one_key) {
    EXPECT_EQ(config_problems::proxy(R"({"Port": 7, "PORT": 8})").substr(0, 7), "f:1:2: ");
    EXPECT_NE(config_problems::proxy(R"({"Port": 7, "PORT": 8})").find("duplicate key"),
              std::string::npos);
}

TEST(LetterCase, of_networks_and_lists_does_not_count_either) {
    const auto [config, warnings] = accepted_in(
        R"({"Networks": [{"Server_Host": "h", "server_PORT": 1, "Port": 2, "TOPIC": "t",)"
        R"( "Allow": ["::1"]}]})");
    ASSERT_EQ(config.networks.size(), 1U);
    EXPECT_EQ(config.networks[0].server, (HostPort{"h", 1}));
    EXPECT_EQ(config.networks[0].topic, "t");
    ASSERT_TRUE(config.networks[0].allow);
    EXPECT_EQ(config.networks[0].allow->size(), 1U);
    EXPECT_EQ(std::count(warnings.begin(), warnings.end(), '\n'), 6) << warnings;
}

TEST(LetterCase, of_a_choice_does_not_count) {
    const auto [config, warnings] =
        accepted_proxy(R"({"log": {"level": "WARN", "format": "JSON"}})");
    EXPECT_EQ(config.log, (LogOptions{log::Level::warning, log::Format::json}));
    EXPECT_EQ(warnings,
              "f:1:19: log.level: \"WARN\" is taken for \"warning\"\n"
              "f:1:37: log.format: \"JSON\" is taken for \"json\"\n");
}

TEST(EmptyBind, is_all_addresses_and_says_so) {
    const auto of_proxy = accepted_proxy(R"({"bind": "", "auth": {"anonymous": {"in": ["a"]}}})");
    EXPECT_EQ(of_proxy.config.listen, (HostPort{"::", 40'001}));
    EXPECT_EQ(of_proxy.warnings,
              "f:1:10: bind: \"\" listens on all addresses of this machine, not on 127.0.0.1 "
              "only\n");
    const auto of_in =
        accepted_in(R"({"networks": [{"server_host": "h", "server_port": 1, "bind": "",)"
                    R"( "port": 2}]})");
    EXPECT_EQ(of_in.config.networks[0].listen, (HostPort{"::", 2}));
    EXPECT_NE(of_in.warnings.find("networks[0].bind"), std::string::npos);
}

TEST(EmptyBind, may_be_written_as_a_star_without_a_warning) {
    const auto [config, warnings] =
        accepted_proxy(R"({"bind": "*", "auth": {"anonymous": {"in": ["a"]}}})");
    EXPECT_EQ(config.listen.host, "::");
    EXPECT_EQ(warnings, "");
}

TEST(Networks, that_are_not_there_are_those_of_no_file) {
    const auto of_in = accepted_in("{}");
    EXPECT_EQ(of_in.config, default_in_config());
    EXPECT_EQ(of_in.warnings,
              "f:1:1: there are no \"networks\": in listens on 127.0.0.1:40002 for the topic "
              "\"default\" at 127.0.0.1:40001\n");
    const auto of_out = accepted_out(R"({"retry_interval": 3000})");
    EXPECT_EQ(of_out.config.networks, default_out_config().networks);
    EXPECT_EQ(of_out.config.retry_interval, Milliseconds{3'000});
    EXPECT_EQ(of_out.warnings,
              "f:1:1: there are no \"networks\": out offers 127.0.0.1:40003 as the topic "
              "\"default\" at 127.0.0.1:40001\n");
}

TEST(Intervals, of_the_original_are_brought_into_their_range) {
    const auto short_ones = out_with(R"("retry_interval": 0)");
    EXPECT_EQ(short_ones.config.retry_interval, Milliseconds{100});
    EXPECT_EQ(short_ones.warnings, "f:1:20: retry_interval: 0 is too short, 100 is taken\n");
    EXPECT_EQ(out_with(R"("retry_interval": 99)").config.retry_interval, Milliseconds{100});
    EXPECT_EQ(out_with(R"("retry_interval": 100)").warnings, "");
    const auto long_one = out_with(R"("retry_interval": 9223372036854775807)");
    EXPECT_EQ(long_one.config.retry_interval, Milliseconds{86'400'000});
    EXPECT_EQ(long_one.warnings,
              "f:1:20: retry_interval: 9223372036854775807 is too long, 86400000 is taken\n");
    EXPECT_NE(config_problems::out("{\"retry_interval\": -1}"), "");
    EXPECT_NE(config_problems::out("{\"heartbeat_interval\": 0}"), "");
    EXPECT_NE(config_problems::out("{\"heartbeat_timeout\": 1.5}"), "");
}

TEST(Heartbeats, that_are_too_rare_for_the_timeout_come_more_often) {
    const auto at = [](const std::string& members) { return out_with(members); };
    EXPECT_EQ(at(R"("heartbeat_interval": 300, "heartbeat_timeout": 301)").warnings, "");
    const auto equal = at(R"("heartbeat_interval": 300, "heartbeat_timeout": 300)");
    EXPECT_EQ(equal.config.heartbeat_interval, Milliseconds{100});
    EXPECT_EQ(equal.config.heartbeat_timeout, Milliseconds{300});
    EXPECT_EQ(equal.warnings,
              "f:1:24: heartbeat_interval: the interval of Pings, 300, is not below "
              "heartbeat_timeout (300): out pings every 100 ms\n");
    const auto by_default = at(R"("heartbeat_timeout": 2000)");
    EXPECT_EQ(by_default.config.heartbeat_interval, Milliseconds{666});
    EXPECT_EQ(by_default.warnings.substr(0, 25), "f:1:23: heartbeat_timeout");
    const auto shortest = at(R"("heartbeat_timeout": 1)");
    EXPECT_EQ(shortest.config.heartbeat_timeout, Milliseconds{100});
    EXPECT_EQ(shortest.config.heartbeat_interval, Milliseconds{33});
}

TEST(Heartbeats, that_are_long_are_taken_as_far_as_a_proxy_bears) {
    const auto at = [](const std::string& interval) {
        return out_with("\"heartbeat_timeout\": 86400000, \"heartbeat_interval\": " + interval);
    };
    EXPECT_EQ(at("300000").warnings, "");
    EXPECT_EQ(at("300001").config.heartbeat_interval, Milliseconds{300'001});
    EXPECT_NE(at("300001").warnings.find("300001 is long"), std::string::npos);
    const auto longer = at("900000");
    EXPECT_EQ(longer.config.heartbeat_interval, Milliseconds{200'000});
    EXPECT_NE(longer.warnings.find("is not below the 600000 that a proxy bears: out pings every "
                                   "200000 ms"),
              std::string::npos)
        << longer.warnings;
}

TEST(Warnings, leave_a_configuration_that_has_none_when_it_is_printed) {
    for (const std::string text :
         {R"("heartbeat_timeout": 1, "retry_interval": 0)", R"("HEARTBEAT_interval": 86400000)"}) {
        const auto first = out_with(text);
        EXPECT_NE(first.warnings, "");
        const auto again = accepted_out(to_json(first.config));
        EXPECT_EQ(again.config, first.config);
        EXPECT_EQ(again.warnings, "") << to_json(first.config);
    }
}

TEST(Warnings, beyond_a_hundred_are_counted) {
    std::string entries;
    for (int i = 0; i < 110; ++i) entries += R"({"server_host":"h","server_port":1,"Port":0},)";
    ConfigWarnings lines;
    ASSERT_TRUE(parse_in_config("{\"networks\": [" + entries + "]}", "f", &lines));
    EXPECT_EQ(lines.size(), 101U);
    EXPECT_EQ(lines.back(), "f: and 10 more warnings");
}

TEST(SecurityAdvice, is_silent_on_loopback_and_about_what_is_protected) {
    for (const std::string text : {
             R"({})",
             R"({"bind": "::1"})",
             R"({"bind": "127.9.9.9"})",
             R"({"bind": "localhost"})",
             R"({"bind": "::", "auth": {"anonymous": {"in": ["public.#"]}}})",
             R"({"bind": "::", "tls": {"cert": "c", "key": "k", "client_ca": "a"}})",
             R"({"bind": "::", "tls": {"cert": "c", "key": "k"},
                 "auth": {"keys": [{"id": "a", "secret_file": "s", "in": ["#"]}]}})",
         }) {
        EXPECT_EQ(accepted_proxy(text).warnings, "") << text;
    }
}

TEST(SecurityAdvice, of_the_proxy_names_what_is_open) {
    const std::string keys = R"("keys": [{"id": "a", "secret_file": "s", "in": ["x"]}])";
    EXPECT_EQ(accepted_proxy(R"({"bind": "0.0.0.0"})").warnings,
              "f:1:10: bind: everybody who reaches 0.0.0.0:40001 may use, register and take over "
              "every topic: there is neither \"auth\" nor \"tls.client_ca\" (proxy --setup makes a "
              "relay that is safe)\n");
    EXPECT_EQ(
        accepted_proxy(R"({"bind": "::", "auth": {"anonymous": {"in": ["a", "#"]}}})").warnings,
        "f:1:24: auth: everybody who reaches [::]:40001 may use every topic: \"anonymous\" "
        "is permitted \"#\"\n");
    EXPECT_NE(accepted_proxy(R"({"bind": "::", "auth": {"anonymous": {"out": ["#"]}}})")
                  .warnings.find("may register and take over every topic"),
              std::string::npos);
    EXPECT_NE(
        accepted_proxy(R"({"bind": "::", "auth": {)" + keys + "}}").warnings.find("TLS is off"),
        std::string::npos);
    EXPECT_NE(
        accepted_proxy(R"({"bind": "::", "tls": {"mode": "optional", "cert": "c", "key": "k"}, )"
                       R"("auth": {)" +
                       keys + "}}")
            .warnings.find("TLS is optional"),
        std::string::npos);
}

TEST(SecurityAdvice, of_in_and_out_tells_of_keys_without_tls) {
    const auto with = [](const std::string& host, const std::string& network,
                         const std::string& top) {
        return accepted_in(R"({"networks": [{"server_host": ")" + host +
                           R"(", "server_port": 1, "port": 0)" + network + "}]" + top + "}")
            .warnings;
    };
    const std::string auth = R"(, "auth": {"id": "a", "secret_file": "s"})";
    EXPECT_EQ(with("relay", auth, ""),
              "f:1:14: networks: networks[0] have \"auth\" without \"tls\": the secret stays "
              "secret, but whoever is on the way to relay:1 can read and change all that is "
              "carried\n");
    EXPECT_NE(with("relay", "", auth), "");
    EXPECT_EQ(with("relay", auth, R"(, "tls": {})"), "");
    EXPECT_EQ(with("127.0.0.1", auth, ""), "");
    EXPECT_EQ(with("relay", "", ""), "");
}

TEST(AccessSummary, says_who_may_do_what) {
    const auto config =
        accepted_proxy(R"({"bind": "::", "tls": {"cert": "c", "key": "k", "client_ca": "a"},
        "auth": {"keys": [{"id": "office", "secret_file": "s", "in": ["db.*", "ssh"]}],
                 "certs": [{"name": "site-b", "in": ["x"], "out": ["#"]}]}})")
            .config;
    EXPECT_EQ(access_summary(config),
              "who may do what at [::]:40001 (TLS only):\n"
              "  key \"office\": in: db.*, ssh\n"
              "  certificate \"site-b\": in: x; out: every topic\n"
              "  everybody else: nothing\n");
    EXPECT_EQ(access_summary(default_proxy_config()),
              "who may do what at 127.0.0.1:40001 (no TLS):\n  everybody: everything\n");
}

TEST(AccessSummary, says_where_networks_lead) {
    auto config = default_out_config();
    config.tls.emplace();
    config.networks[0].auth = KeyOptions{"site-b", "s"};
    config.networks[0].e2e = E2eOptions{"k", ""};
    EXPECT_EQ(access_summary(config),
              "what is offered:\n  topic \"default\" at 127.0.0.1:40001 (TLS, as key \"site-b\", "
              "encrypted end to end) -> 127.0.0.1:40003\n");
    EXPECT_EQ(access_summary(default_in_config()),
              "where clients get to:\n  127.0.0.1:40002 -> topic \"default\" at 127.0.0.1:40001 "
              "(plain, anonymous)\n");
}

}  // namespace
}  // namespace inout::warnings_test
