// Where the clients of in come: a port, a range of ports, a UNIX socket.
#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"
#include "common/config/advice.hpp"
#include "common/config/port_ranges.hpp"

namespace inout::listener_config_test {
namespace {

using config_problems::in;

// The members stand on line 2, so that columns count from 1 there.
std::string file(const std::string& members) {
    return "{\"networks\": [{\"server_host\": \"h\", \"server_port\": 1,\n" + members + "}]}";
}
InConfig config(const std::string& members) { return parse_in_config(file(members), "f").value(); }

TEST(ListenerConfig, is_read_again_as_it_is_written) {
    for (const char* members :
         {R"("bind_unix": "/run/x")", R"("bind_unix": "x", "bind_mode": "640", "bind_owner": ":1")",
          R"("ports": "7000-7001", "topic": "a.{port}")", R"("ports": "7", "topic": "{port}")"}) {
        const InConfig read = config(members);
        EXPECT_EQ(parse_in_config(to_json(read), "f").value(), read) << members;
    }
}

TEST(ListenerConfig, is_shown_as_a_place) {
    EXPECT_EQ(place_text(config(R"("bind_unix": "/run/x")").networks[0]), "unix:/run/x");
    EXPECT_EQ(place_text(config(R"("bind": "::1", "ports": "7-9", "topic": "{port}")").networks[0]),
              "[::1]:7-9");
    EXPECT_EQ(
        access_summary(config(R"("bind": "*", "ports": "7-9", "topic": "a.{port}")")),
        "where clients get to:\n  [::]:7-9 -> topic \"a.{port}\" at h:1 (plain, anonymous)\n");
}

TEST(ListenerConfig, shows_the_topics_that_names_reach) {
    const auto shown = [](const std::string& members) {
        const std::string summary =
            access_summary(config(R"("port": 7, "names": {"suffix": ".i")" + members + "}"));
        const auto begin = summary.find("of topics: ") + 11;
        return summary.substr(begin, summary.find(" at h:1") - begin);
    };
    EXPECT_EQ(shown(R"(, "allow": ["a.*", "b"])"), "a.*, b");
    EXPECT_EQ(shown(R"(, "allow": [], "topics": [{"host": "w", "topic": "W"}])"), "W (w)");
    EXPECT_EQ(shown(R"(, "allow": ["a"], "topics": [{"host": "w", "topic": "W"}])"), "a, W (w)");
}

TEST(ListenerConfig, of_a_range_is_a_network_for_each_port_in_its_place) {
    const auto read = std::make_shared<const InConfig>(parse_in_config(R"({"networks": [
            {"server_host": "h", "server_port": 1, "port": 5, "topic": "first"},
            {"server_host": "h", "server_port": 1, "ports": "65534-65535", "topic": "{port}.{port}"},
            {"server_host": "h", "server_port": 1, "port": 6, "topic": "{port}"}]})",
                                                                       "f")
                                                           .value());
    const auto made = with_each_port(read);
    ASSERT_EQ(made->networks.size(), 4U);
    const auto expect = [&](std::size_t i, unsigned port, const std::string& topic,
                            std::size_t entry) {
        EXPECT_EQ(made->networks[i].listen.port, port);
        EXPECT_EQ(made->networks[i].topic, topic);
        EXPECT_EQ(made->networks[i].of_range.value().entry, entry);
        EXPECT_FALSE(made->networks[i].ports);
    };
    expect(0, 5, "first", 0);
    expect(1, 65'534, "65534.65534", 1);
    expect(2, 65'535, "65535.65535", 1);
    expect(3, 6, "{port}", 2);  // a topic may have any name
}

TEST(ListenerConfig, without_a_range_is_itself) {
    const auto read = std::make_shared<const InConfig>(config(R"("port": 5)"));
    EXPECT_EQ(with_each_port(read), read);
}

TEST(ListenerConfig, has_one_place_per_entry) {
    EXPECT_EQ(in(file("")), "f:1:15: networks[0].port: is required\n");
    EXPECT_EQ(in(file(R"("bind_unix": "x", "port": 1)")),
              "f:2:27: networks[0].port: has no meaning beside \"bind_unix\"\n");
    EXPECT_EQ(in(file(R"("bind_unix": "")")), "f:2:14: networks[0].bind_unix: must not be empty\n");
    EXPECT_EQ(in(file(R"("ports": "7-x", "topic": "{port}")")),
              "f:2:10: networks[0].ports: must be ports from 1 to 65535, as in 7000-7100\n");
    EXPECT_EQ(in(file(R"("ports": "7", "topic": "a")")),
              "f:2:24: networks[0].topic: must have {port} in it, which stands for the port of "
              "\"ports\"\n");
}

}  // namespace
}  // namespace inout::listener_config_test
