// What is refused, where the message points, and how it reads.
#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"

namespace inout::problems_test {
namespace {

using config_problems::in;
using config_problems::out;
using config_problems::problems;
using config_problems::proxy;

/// An entry of in's networks: `members` and what else is required.
std::string in_entry(const std::string& members) {
    return R"({"server_host": "h", "server_port": 1, )" + members + "}";
}
std::string in_listeners(const std::string& first, const std::string& second) {
    return in("{\"networks\": [" + in_entry(first) + ",\n" + in_entry(second) + "]}");
}
std::string out_entry(const std::string& host, int port, const std::string& topic) {
    return R"({"server_host": ")" + host + R"(", "server_port": )" + std::to_string(port) +
           R"(, "topic": ")" + topic + R"(", "backend_host": "b", "backend_port": 2})";
}
std::string out_registrations(const std::string& first, const std::string& second) {
    return out("{\"networks\": [" + first + ",\n" + second + "]}");
}

TEST(ConfigProblems, begin_with_file_line_and_column) {
    EXPECT_EQ(problems(parse_proxy_config("{\n  \"port\": \"x\"\n}", "etc/proxy.json")),
              "etc/proxy.json:2:11: port: must be a whole number from 0 to 65535, not \"x\"\n");
}

TEST(ConfigProblems, count_columns_in_characters) {
    EXPECT_EQ(proxy("{/* 数据 */ \"port\": -1}"),
              "f:1:19: port: must be a whole number from 0 to 65535, not -1\n");
    EXPECT_EQ(proxy("\xef\xbb\xbf{\"port\": -1}"),
              "f:1:10: port: must be a whole number from 0 to 65535, not -1\n");
}

TEST(ConfigProblems, name_the_entry_of_an_array) {
    EXPECT_EQ(in("{\"networks\": [" + in_entry("\"port\": 1") + ",\n" +
                 R"({"server_host": "h", "server_port": "x", "port": 2}]})"),
              "f:2:37: networks[1].server_port: must be a whole number from 1 to 65535, "
              "not \"x\"\n");
}

TEST(ConfigProblems, are_all_reported_in_the_order_of_the_file) {
    EXPECT_EQ(
        proxy("{\"log\": {\"level\": 1},\n\"prot\": 2,\n\"bind\": \"a b\",\n\"threads\": 65}"),
        "f:1:19: log.level: must be one of \"debug\", \"info\", \"warning\", \"error\", "
        "not 1\n"
        "f:2:1: unknown key \"prot\"; did you mean \"port\"?\n"
        "f:3:9: bind: \"a b\" may hold letters, digits, '-', '_' and '.' only, or be an "
        "address\n"
        "f:4:12: threads: must be a whole number from 0 to 64, not 65\n");
}

TEST(ConfigProblems, beyond_a_hundred_are_counted) {
    std::string text = "{";
    for (int i = 0; i < 250; ++i) text += "\"unknown_" + std::to_string(i) + "\": 0,";
    const auto result = parse_proxy_config(text + "}", "f");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().size(), 101U);
    EXPECT_EQ(result.error().back(), "f: and 150 more problems");
}

TEST(ConfigProblems, show_long_values_shortened) {
    EXPECT_EQ(proxy("{\"port\": \"" + std::string(1000, 'x') + "\"}"),
              "f:1:10: port: must be a whole number from 0 to 65535, not \"" +
                  std::string(36, 'x') + "…\n");
}

TEST(ConfigSyntax, errors_have_a_place_and_clear_words) {
    EXPECT_EQ(proxy(" // x\n"), "f:2:1: expected a value, found the end of the file\n");
    EXPECT_EQ(proxy("{\n  port: 1}"), "f:2:3: expected a key in double quotes or '}', found 'p'\n");
    EXPECT_EQ(proxy("{\n\"a\": 1\n\"b\": 2}"), "f:3:1: expected ',' or '}', found '\"'\n");
    EXPECT_EQ(proxy("{\"a\": 1\n"), "f:2:1: expected ',' or '}', found the end of the file\n");
}

TEST(ConfigSyntax, demands_an_object) {
    EXPECT_EQ(proxy(" []"), "f:1:2: the configuration must be an object, { … }\n");
    EXPECT_EQ(in("1"), "f:1:1: the configuration must be an object, { … }\n");
}

TEST(ConfigSyntax, bounds_the_size) {
    const std::string comment(kConfigMaxBytes - 2, ' ');
    EXPECT_EQ(proxy("{}" + comment), "");
    EXPECT_EQ(proxy("{}" + comment + " "), "f: is larger than 4194304 bytes\n");
}

TEST(DuplicateKeys, are_refused_at_the_second) {
    EXPECT_EQ(proxy("{\"port\": 1,\n\n  \"port\": 1}"),
              "f:3:3: duplicate key \"port\"; the first is on line 1\n");
    EXPECT_EQ(proxy("{\"pool\": {\"min\": 1, \"min\": 1}}"),
              "f:1:21: pool: duplicate key \"min\"; the first is on line 1\n");
    EXPECT_EQ(in("{\"networks\": [" + in_entry(R"("port": 1, "server_port": 2)") + "]}"),
              "f:1:65: networks[0]: duplicate key \"server_port\"; the first is on line 1\n");
}

TEST(DuplicateKeys, are_compared_as_decoded) {
    EXPECT_EQ(proxy(R"({"port": 1, "p\u006frt": 1})"),
              "f:1:13: duplicate key \"p\\u006frt\"; the first is on line 1\n");
}

TEST(UnknownKeys, come_with_the_nearest_known_one) {
    const auto meant = [](const std::string& key) {
        const auto text =
            in("{\"networks\": [" + in_entry("\"port\": 1, \"" + key + "\": 1") + "]}");
        const auto from = text.find("mean \"");
        return from == text.npos ? text : text.substr(from + 6, text.rfind('"') - from - 6);
    };
    EXPECT_EQ(meant("sever_host"), "server_host");
    EXPECT_EQ(meant("serverport"), "server_port");
    EXPECT_EQ(meant("SERVER_PROT"), "server_port");
    EXPECT_EQ(meant("server_prot"), "server_port");
    EXPECT_EQ(meant("tpoic"), "topic");
    EXPECT_EQ(meant("topics"), "topic");
}

TEST(UnknownKeys, that_resemble_nothing_come_with_all_known_ones) {
    EXPECT_EQ(proxy(R"({"pool": {"colour": 1}})"),
              "f:1:11: pool: unknown key \"colour\"; the keys here are \"min\", \"max\"\n");
    EXPECT_EQ(proxy(R"({"log": {"": 1}})"),
              "f:1:10: log: unknown key \"\"; the keys here are \"level\", \"format\"\n");
}

TEST(UnknownKeys, include_those_of_other_programs) {
    EXPECT_NE(proxy("{\"networks\": []}"), "");
    EXPECT_NE(in("{\"networks\": [" + in_entry("\"port\": 1") + "], \"retry_interval\": 1000}"),
              "");
    EXPECT_NE(out("{\"pool\": {}, \"retry_interval\": 1000}"), "");
}

TEST(RequiredKeys, are_reported_at_their_object) {
    EXPECT_EQ(in("{\"networks\": [\n {}]}"),
              "f:2:2: networks[0].server_host: is required\n"
              "f:2:2: networks[0].server_port: is required\n"
              "f:2:2: networks[0].port: is required\n");
    EXPECT_EQ(out("{\"networks\": [\n {}]}"),
              "f:2:2: networks[0].server_host: is required\n"
              "f:2:2: networks[0].server_port: is required\n"
              "f:2:2: networks[0].backend_host: is required\n"
              "f:2:2: networks[0].backend_port: is required\n");
}

TEST(Networks, are_1_to_10000_objects) {
    EXPECT_EQ(in("{\"networks\": []}"), "f:1:14: networks: must have 1 to 10000 entries, not 0\n");
    EXPECT_EQ(out("{\"networks\": {}}"), "f:1:14: networks: must be an array, not an object\n");
    EXPECT_EQ(out("{\"networks\": [7, []]}"),
              "f:1:15: networks[0]: must be an object, not 7\n"
              "f:1:18: networks[1]: must be an object, not an array\n");
    std::string entries;
    for (int i = 0; i < 10'001; ++i) entries += "{},";
    EXPECT_EQ(in("{\"networks\": [" + entries + "]}"),
              "f:1:14: networks: must have 1 to 10000 entries, not 10001\n");
}

TEST(Fields, have_types) {
    EXPECT_EQ(proxy("{\"bind\": 1}"), "f:1:10: bind: must be a string, not 1\n");
    EXPECT_EQ(proxy("{\"bind\": null}"), "f:1:10: bind: must be a string, not null\n");
    EXPECT_EQ(proxy("{\"pool\": 5}"), "f:1:10: pool: must be an object, not 5\n");
    EXPECT_EQ(proxy("{\"log\": \"debug\"}"), "f:1:9: log: must be an object, not \"debug\"\n");
    for (const std::string value : {"1.5", "1.0", "1e2", "\"x\"", "true", "99999999999999999999"}) {
        EXPECT_EQ(proxy("{\"threads\": " + value + "}"),
                  "f:1:13: threads: must be a whole number from 0 to 64, not " + value + "\n");
    }
    EXPECT_EQ(proxy("{\"threads\": [1]}"),
              "f:1:13: threads: must be a whole number from 0 to 64, not an array\n");
}

TEST(Fields, of_text_are_checked) {
    EXPECT_EQ(in("{\"networks\": [" + in_entry(R"("port": 1, "topic": "a\nb")") + "]}"),
              "f:1:74: networks[0].topic: must be printable, which U+000A at byte 2 is not\n");
    EXPECT_EQ(proxy(R"({"bind": "a b"})"),
              "f:1:10: bind: \"a b\" may hold letters, digits, '-', '_' and '.' only, or be an "
              "address\n");
    EXPECT_EQ(proxy(R"({"bind": "[localhost]"})"),
              "f:1:10: bind: \"[localhost]\" may hold letters, digits, '-', '_' and '.' only, or "
              "be an address\n");
    EXPECT_NE(proxy(R"({"log": {"level": "loud"}})"), "");
    EXPECT_NE(proxy(R"({"log": {"format": "xml"}})"), "");
}

TEST(Fields, with_a_number_in_quotes_or_with_a_unit_say_what_to_write) {
    EXPECT_EQ(proxy(R"({"port": "40001"})"),
              "f:1:10: port: must be a whole number from 0 to 65535, not \"40001\"; write 40001 "
              "without quotes\n");
    const auto meant = [](const std::string& value) {
        const auto text = proxy("{\"open_timeout\": \"" + value + "\"}");
        return text.substr(text.rfind(';') + 1);
    };
    EXPECT_EQ(meant("20s"), " write 20000, in milliseconds\n");
    EXPECT_EQ(meant("250ms"), " write 250, in milliseconds\n");
    EXPECT_EQ(meant("4294967295h"), " write 15461882262000000, in milliseconds\n");
    EXPECT_EQ(proxy(R"({"open_timeout": "2 weeks"})").find("write"), std::string::npos);
    EXPECT_EQ(proxy(R"({"tls": "5s"})"), "f:1:9: tls: must be an object, not \"5s\"\n")
        << "where no number may stand";
}

TEST(PoolMin, is_at_most_pool_max) {
    EXPECT_EQ(proxy(R"({"pool": {"min": 7, "max": 7}})"), "");
    EXPECT_EQ(proxy(R"({"pool": {"min": 8, "max": 7}})"),
              "f:1:18: pool.min: must be at most pool.max (7), not 8\n");
    EXPECT_EQ(proxy(R"({"pool": {"max": 1}})"),
              "f:1:18: pool.max: must be at least pool.min (2), not 1\n");
}

TEST(RulesThatJoinFields, are_silent_about_fields_that_are_wrong_already) {
    EXPECT_EQ(proxy(R"({"pool": {"min": 101, "max": 1}})"),
              "f:1:18: pool.min: must be a whole number from 0 to 100, not 101\n");
    EXPECT_EQ(proxy(R"({"pool": {"min": 8, "max": 7, "min": 1}})"),
              "f:1:31: pool: duplicate key \"min\"; the first is on line 1\n");
    EXPECT_EQ(in_listeners("\"port\": 0", "\"port\": -1"),
              "f:2:48: networks[1].port: must be a whole number from 0 to 65535, not -1\n");
}

TEST(RulesThatJoinFields, hold_beside_problems_elsewhere) {
    EXPECT_EQ(proxy(R"({"pool": {"min": 8, "max": 7, "x": 1}})"),
              "f:1:18: pool.min: must be at most pool.max (7), not 8\n"
              "f:1:31: pool: unknown key \"x\"; the keys here are \"min\", \"max\"\n");
}

TEST(Problems, show_what_can_not_be_seen) {
    EXPECT_EQ(proxy("{\"po\u200brt\": 1}"),
              "f:1:2: unknown key \"po\\u200brt\", which holds U+200B (zero width space); did you "
              "mean \"port\"?\n");
    EXPECT_EQ(problems(parse_proxy_config("[]", "a\x1b[31m")),
              "a\\u001b[31m:1:1: the configuration must be an object, { … }\n");
}

TEST(OtherPrograms, are_named_where_a_file_is_theirs) {
    const std::string of_in = "{\"networks\": [" + in_entry("\"port\": 1") + "]}";
    const std::string of_out = "{\"networks\": [" + out_entry("h", 1, "t") + "]}";
    const std::string of_proxy = "{\"bind\": \"::\", \"port\": 1}";
    const auto is = [](const std::string& theirs, const std::string& mine) {
        return "f:1:1: this is a configuration of " + theirs + ", and this program is " + mine +
               "\n";
    };
    EXPECT_EQ(out(of_in), is("in", "out"));
    EXPECT_EQ(proxy(of_in), is("in", "proxy"));
    EXPECT_EQ(in(of_out), is("out", "in"));
    EXPECT_EQ(proxy(of_out), is("out", "proxy"));
    EXPECT_EQ(in(of_proxy), is("proxy", "in"));
    EXPECT_EQ(out(of_proxy), is("proxy", "out"));
}

TEST(OtherPrograms, are_not_named_where_the_keys_of_two_are_mixed) {
    const auto text =
        in("{\"networks\": [" + in_entry("\"port\": 1, \"backend_host\": \"h\"") + "]}");
    EXPECT_EQ(text,
              "f:1:65: networks[0]: unknown key \"backend_host\"; the keys here are "
              "\"servers\", \"server_host\", \"server_port\", \"select\", \"fail_timeout\", "
              "\"bind_unix\", \"bind_mode\", \"bind_owner\", \"bind\", \"ports\", \"port\", "
              "\"names\", \"topic\", \"tls\", \"auth\", \"via\", \"websocket\", \"e2e\", "
              "\"compression\", \"rate\", "
              "\"allow\", \"deny\", "
              "\"proxy_protocol\"\n");
}

TEST(Listeners, of_one_in_are_all_different) {
    EXPECT_EQ(in_listeners("\"port\": 80", "\"port\": 80"),
              "f:2:1: networks[1]: listens on 127.0.0.1:80, which networks[0] has already\n");
    EXPECT_EQ(in_listeners("\"port\": 80", "\"port\": 81"), "");
}

TEST(Listeners, on_port_0_never_clash) {
    EXPECT_EQ(in_listeners("\"port\": 0", "\"port\": 0"), "");
}

TEST(Listeners, clash_if_the_second_could_not_be_bound) {
    const auto clash = [](const std::string& first, const std::string& second) {
        const auto at = [](const std::string& host) {
            return R"("port": 80, "bind": ")" + host + "\"";
        };
        const bool one_way = !in_listeners(at(first), at(second)).empty();
        EXPECT_EQ(!in_listeners(at(second), at(first)).empty(), one_way) << first << ", " << second;
        return one_way;
    };
    EXPECT_TRUE(clash("0.0.0.0", "10.0.0.1"));
    EXPECT_TRUE(clash("0.0.0.0", "localhost"));
    EXPECT_TRUE(clash("::", "::1"));
    EXPECT_TRUE(clash("::", "10.0.0.1"));
    EXPECT_TRUE(clash("::", "0.0.0.0"));
    EXPECT_TRUE(clash("::", "localhost"));
    EXPECT_TRUE(clash("::1", "0:0::1"));
    EXPECT_TRUE(clash("::ffff:10.0.0.1", "10.0.0.1"));
    EXPECT_TRUE(clash("LocalHost", "localhost."));
    EXPECT_FALSE(clash("0.0.0.0", "::1"));
    EXPECT_FALSE(clash("127.0.0.1", "127.0.0.2"));
    EXPECT_FALSE(clash("127.0.0.1", "::1"));
    EXPECT_FALSE(clash("localhost", "127.0.0.1"));  // not looked up: bind(2) will tell
}

TEST(Registrations, of_one_out_are_all_different) {
    EXPECT_EQ(out_registrations(out_entry("h", 1, "t"), out_entry("H.", 1, "t")),
              "f:2:1: networks[1]: registers \"t\" with H.:1, which networks[0] does already\n");
    EXPECT_EQ(out_registrations(out_entry("h", 1, "t"), out_entry("h", 2, "t")), "");
    EXPECT_EQ(out_registrations(out_entry("h", 1, "t"), out_entry("g", 1, "t")), "");
    EXPECT_EQ(out_registrations(out_entry("h", 1, "t"), out_entry("h", 1, "T")), "");
}

}  // namespace
}  // namespace inout::problems_test
