// Several servers and several backends of a network of out: what is read, written and refused.
#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"
#include "common/config/advice.hpp"

namespace inout::out_network_test {
namespace {

using config_problems::out;

const std::string kServer = R"("server_host": "h", "server_port": 1)";
const std::string kBackend = R"("backend_host": "b", "backend_port": 2)";

// The members stand on line 2, so that columns count from 1 there.
std::string file(const std::string& members) { return "{\"networks\": [{\n" + members + "}]}"; }
OutNetwork network(const std::string& members) {
    return parse_out_config(file(members), "f").value().networks.at(0);
}
std::string problem(const std::string& members) { return out(file(members)); }
std::string many(int count, const std::string& before, const std::string& after) {
    std::string text;
    for (int i = 1; i <= count; ++i)
        text.append(before).append(std::to_string(i)).append(after) += ',';
    return "[" + text + "]";
}

const std::string kEveryKey =
    R"("servers": ["a:40001", "[::1]:40002"], "topic": "t", "balance": "least_streams",
       "fail_timeout": 500, "backends": [{"host": "x", "port": 1, "weight": 3},
       {"unix": "/run/y", "backup": true}, {"unix": "@z"}],
       "health": {"interval": 100, "timeout": 50, "rise": 1, "fall": 9, "expect": "SSH-"})";

TEST(OutNetwork, reads_every_key_of_its_servers_and_backends) {
    const OutNetwork read = network(kEveryKey);
    EXPECT_EQ(servers_text(read), "a:40001, [::1]:40002");
    ASSERT_EQ(read.backends.size(), 3U);
    EXPECT_EQ(read.backends[0], (BackendOptions{{{"x", 1}, {}}, 3, false}));
    EXPECT_EQ(read.backends[1], (BackendOptions{{{}, "/run/y"}, 1, true}));
    EXPECT_EQ(to_string(read.backends[2].address), "unix:@z");
    EXPECT_EQ(read.balance, Balance::least_streams);
    EXPECT_EQ(read.fail_timeout, Milliseconds{500});
    EXPECT_EQ(read.health, (HealthOptions{Milliseconds{100}, Milliseconds{50}, 1, 9, "SSH-"}));
    EXPECT_EQ(network(kServer + R"(, "backend_unix": "/run/x")").backend_unix, "/run/x");
}

TEST(OutNetwork, is_read_again_as_it_is_written) {
    const std::string least = kServer + "," + kBackend;
    const std::string unix_socket = kServer + R"(, "backend_unix": "@x", "health": {})";
    for (const std::string& members :
         {kEveryKey, least, unix_socket,
          std::string(R"("servers": ["a:1"], "backends": [{"host": "x", "port": 1}])")}) {
        const auto config = parse_out_config(file(members), "f").value();
        EXPECT_EQ(parse_out_config(to_json(config), "f").value(), config) << members;
    }
}

TEST(OutNetwork, is_shown_with_all_its_servers_and_backends) {
    const std::string text = access_summary(parse_out_config(file(kEveryKey), "f").value());
    EXPECT_NE(text.find("at a:40001, [::1]:40002 (plain"), text.npos) << text;
    EXPECT_NE(text.find("-> x:1 weight 3, unix:/run/y backup, unix:@z by least_streams, asked"),
              text.npos)
        << text;
}

TEST(Servers, stand_in_one_place) {
    EXPECT_EQ(problem(R"("servers": ["a:1"], )" + kServer + "," + kBackend),
              "f:2:36: networks[0].server_host: has no meaning beside \"servers\"\n"
              "f:2:56: networks[0].server_port: has no meaning beside \"servers\"\n");
}

TEST(Servers, are_1_to_16_different_addresses) {
    const auto servers = [](const std::string& list) {
        return problem("\"servers\": " + list + "," + kBackend);
    };
    EXPECT_EQ(servers(many(16, "\"a:", "\"")), "");
    EXPECT_NE(servers(many(17, "\"a:", "\"")), "");
    EXPECT_NE(servers("[]"), "");
    EXPECT_NE(servers(R"(["a"])"), "");
    EXPECT_EQ(servers(R"(["a:1", "A:1"])"), "f:2:12: networks[0].servers: names A:1 twice\n");
}

TEST(Servers, of_out_are_no_services) {
    EXPECT_EQ(problem(R"("servers": ["_inout._tcp.example.com"], )" + kBackend),
              "f:2:12: networks[0].servers: names the service _inout._tcp.example.com, which out "
              "can not use: name each proxy, HOST:PORT\n");
}

TEST(Servers, register_a_topic_once) {
    EXPECT_EQ(out("{\"networks\": [{" + kServer + "," + kBackend +
                  "},\n{\"servers\": "
                  R"(["a:1", "h:1"], )" +
                  kBackend + "}]}"),
              "f:2:1: networks[1]: registers \"default\" with h:1, which networks[0] does "
              "already\n");
}

TEST(Backends, stand_in_one_place) {
    const std::string list = R"("backends": [{"host": "x", "port": 1}])";
    EXPECT_NE(problem(kServer + "," + list + "," + kBackend), "");
    EXPECT_NE(problem(kServer + "," + list + R"(, "backend_unix": "/x")"), "");
    EXPECT_NE(problem(kServer + R"(, "backend_unix": "/x", )" + kBackend), "");
    EXPECT_EQ(problem(R"("balance": "random", )" + kServer + "," + kBackend),
              "f:2:12: networks[0].balance: has no meaning without \"backends\"\n");
    EXPECT_EQ(problem(R"("fail_timeout": 1000, )" + kServer + "," + kBackend),
              "f:2:17: networks[0].fail_timeout: has no meaning without \"backends\"\n");
}

TEST(Backends, are_1_to_64_different_ones_and_one_is_no_backup) {
    const auto backends = [](const std::string& list) {
        return problem("\"backends\": " + list + "," + kServer);
    };
    EXPECT_EQ(backends(many(64, R"({"host": "a", "port": )", "}")), "");
    EXPECT_NE(backends(many(65, R"({"host": "a", "port": )", "}")), "");
    EXPECT_NE(backends("[]"), "");
    EXPECT_EQ(backends(R"([{"host": "a", "port": 1}, {"host": "A", "port": 1}])"),
              "f:2:13: networks[0].backends: has A:1 twice\n");
    EXPECT_EQ(backends(R"([{"unix": "/a", "backup": true}])"),
              "f:2:13: networks[0].backends: must not all be \"backup\"\n");
    EXPECT_EQ(backends(R"([{"unix": "/a", "host": "b"}])"),
              "f:2:37: networks[0].backends[0].host: has no meaning beside \"unix\"\n");
    EXPECT_EQ(backends("[{}]"),
              "f:2:14: networks[0].backends[0].host: is required\n"
              "f:2:14: networks[0].backends[0].port: is required\n");
}

TEST(Backends, have_values_within_their_ranges) {
    const auto backend = [](const std::string& members) {
        return problem(R"("backends": [{"host": "a", "port": 1, )" + members + "}], " + kServer);
    };
    EXPECT_EQ(backend("\"weight\": 1"), "");
    EXPECT_EQ(backend("\"weight\": 100"), "");
    EXPECT_NE(backend("\"weight\": 0"), "");
    EXPECT_NE(backend("\"weight\": 101"), "");
    EXPECT_EQ(backend("\"backup\": 1"),
              "f:2:49: networks[0].backends[0].backup: must be true or false, not 1\n");
    EXPECT_NE(problem(R"("balance": "first", "backends": [{"unix": "/a"}], )" + kServer), "");
}

TEST(UnixPaths, are_absolute_or_abstract_and_fit) {
    const auto path = [](const std::string& text) { return check_unix_path(text).value_or(""); };
    EXPECT_EQ(path("/run/x"), "");
    EXPECT_EQ(path("@x"), "");
    EXPECT_EQ(path("/" + std::string(106, 'x')), "");
    EXPECT_EQ(path("/" + std::string(107, 'x')),
              "is too long for a socket: 108 bytes, at most 107");
    for (const auto* bad : {"", "@", "run/x", "unix:/x"}) EXPECT_NE(path(bad), "") << bad;
    EXPECT_NE(path(std::string("/a\0b", 4)), "");
}

TEST(Health, has_values_within_their_ranges) {
    const auto health = [](const std::string& members) {
        return problem("\"health\": {" + members + "}, " + kServer + "," + kBackend);
    };
    EXPECT_EQ(health(""), "");
    for (const std::string key : {"interval", "timeout", "rise", "fall"}) {
        EXPECT_NE(health("\"" + key + "\": 0"), "") << key;
        EXPECT_EQ(health("\"" + key + "\": 100"), "") << key;
        EXPECT_NE(health("\"" + key + "\": 86400001"), "") << key;
    }
    EXPECT_EQ(health("\"expect\": \"" + std::string(256, 'x') + "\""), "");
    EXPECT_NE(health("\"expect\": \"" + std::string(257, 'x') + "\""), "");
    EXPECT_NE(health("\"expect\": \"\""), "");
}

}  // namespace
}  // namespace inout::out_network_test
