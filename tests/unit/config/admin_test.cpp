#include <gtest/gtest.h>

#include <string>

#include "../config_problems.hpp"
#include "common/config/files.hpp"

namespace inout::admin_test {
namespace {

using namespace config_problems;

std::string with(const std::string& admin) { return proxy(R"({"admin": )" + admin + "}"); }

std::optional<AdminOptions> options_of(const std::string& admin) {
    return parse_proxy_config(R"({"admin": )" + admin + "}", "f").value().admin;
}

const std::string kTls = R"("tls": {"cert": "c", "key": "k"})", kToken = R"("token_file": "t")";

TEST(Admin, is_off_unless_it_is_there) {
    EXPECT_EQ(default_in_config().admin, std::nullopt);
    EXPECT_EQ(default_out_config().admin, std::nullopt);
    EXPECT_EQ(default_proxy_config().admin, std::nullopt);
}

TEST(Admin, is_on_loopback_by_default) {
    EXPECT_EQ(options_of(R"({"port": 9100})")->listen, (HostPort{"127.0.0.1", 9100}));
    for (const char* host : {"127.0.0.9", "::1", "localhost", "LOCALHOST", "a.localhost"}) {
        EXPECT_EQ(with(std::string(R"({"port": 0, "bind": ")") + host + "\"}"), "");
    }
}

TEST(Admin, beyond_loopback_needs_tls_and_a_token) {
    for (const char* host : {"", "*", "0.0.0.0", "::", "10.0.0.1", "ops.example"}) {
        const std::string begin = std::string(R"({"port": 0, "bind": ")") + host + '"';
        EXPECT_EQ(with(begin + ", " + kTls + ", " + kToken + "}"), "");
        EXPECT_EQ(with(begin + "}"),
                  "f:1:31: admin.bind: is not loopback: that needs \"tls\"\n"
                  "f:1:31: admin.bind: is not loopback: that needs \"token_file\"\n");
        EXPECT_NE(with(begin + ", " + kTls + "}"), "");
        EXPECT_NE(with(begin + ", " + kToken + "}"), "");
    }
}

TEST(Admin, at_a_unix_socket_has_no_address_and_no_tls) {
    EXPECT_EQ(options_of(R"({"unix": "s"})")->unix_path, "s");
    EXPECT_EQ(with(R"({"unix": "s", )" + kToken + "}"), "");
    for (const std::string& other :
         {std::string(R"("bind": "::1")"), std::string(R"("port": 1)"), kTls}) {
        EXPECT_NE(with(R"({"unix": "s", )" + other + "}").find("has no meaning beside \"unix\""),
                  std::string::npos);
    }
    EXPECT_EQ(with("{}"), "f:1:11: admin.port: is required\n");
    EXPECT_EQ(with(R"({"unix": ""})"), "f:1:20: admin.unix: must not be empty\n");
}

TEST(Admin, is_written_as_it_is_read) {
    for (const std::string& admin : {std::string(R"({"unix": "/s"})"),
                                     R"({"bind": "::", "port": 1, )" + kTls + ", " + kToken + "}",
                                     std::string(R"({"port": 0})")}) {
        const auto config = parse_proxy_config(R"({"admin": )" + admin + "}", "f").value();
        EXPECT_EQ(parse_proxy_config(to_json(config), "f").value(), config);
    }
}

TEST(Admin, has_its_files_in_the_folder_of_the_configuration) {
    auto config =
        parse_proxy_config(R"({"admin": {"port": 0, )" + kTls + ", " + kToken + "}}", "f").value();
    resolve_files(config, "/etc/inout/proxy.json");
    EXPECT_EQ(files_of(config),
              (std::vector<std::string>{"/etc/inout/c", "/etc/inout/k", "/etc/inout/t"}));
    config = parse_proxy_config(R"({"admin": {"unix": "s"}})", "f").value();
    resolve_files(config, "/etc/inout/proxy.json");
    EXPECT_EQ(config.admin->unix_path, "/etc/inout/s");
    EXPECT_EQ(files_of(config), std::vector<std::string>());
}

}  // namespace
}  // namespace inout::admin_test
