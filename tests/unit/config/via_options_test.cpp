// The way out of a network: the key, the URL of a forward proxy, and what the environment says.
#include "common/config/via_options.hpp"

#include <gtest/gtest.h>

#include "../config_problems.hpp"
#include "common/config/advice.hpp"
#include "common/config/files.hpp"

namespace inout::via_options_test {
namespace {

std::string file(const std::string& top, const std::string& network = "") {
    return "{" + top + R"("networks": [{"server_host": "r", "server_port": 1, "port": 2)" +
           network + "}]}";
}

InConfig parsed(const std::string& text) { return parse_in_config(text, "f").value(); }

TEST(Via, is_a_text_or_an_object) {
    const auto plain = parsed(file(R"("via": "http://proxy.example.com:3128", )"));
    EXPECT_EQ(plain.via, (ViaOptions{"http://proxy.example.com:3128", ""}));
    const auto login =
        parsed(file(R"("via": "env", )",
                    R"(, "via": {"url": "socks5://lena@[::1]:1080", "password_file": "p"})"));
    EXPECT_EQ(login.via, (ViaOptions{"env", ""}));
    EXPECT_EQ(login.networks[0].via, (ViaOptions{"socks5://lena@[::1]:1080", "p"}));
    for (const InConfig& config : {plain, login}) EXPECT_EQ(parsed(to_json(config)), config);
    EXPECT_FALSE(parsed(file("")).via);
    EXPECT_TRUE(parse_out_config(R"({"via": "off", "networks": [{"server_host": "r",
        "server_port": 1, "backend_host": "b", "backend_port": 2, "via": "http://p:1"}]})",
                                 "f"));
}

TEST(Via, has_a_file_that_is_found_beside_the_configuration_and_watched) {
    auto config = parsed(file(R"("via": {"url": "http://a@b:1", "password_file": "p"}, )"));
    resolve_files(config, "/etc/inout/in.json");
    EXPECT_EQ(config.via->password_file, "/etc/inout/p");
    EXPECT_EQ(files_of(config), std::vector<std::string>{"/etc/inout/p"});
}

TEST(Via, is_shown_without_its_user) {
    const auto config =
        parsed(file(R"("via": {"url": "http://lena@b:1", "password_file": "p"}, )"));
    const std::string shown = access_summary(config);
    EXPECT_NE(shown.find("plain, anonymous, via http://b:1"), shown.npos) << shown;
}

TEST(Via, is_refused_with_what_to_write) {
    const auto problem = [](const std::string& value) {
        return config_problems::in(file("\"via\": " + value + ", "));
    };
    for (const char* value :
         {"\"proxy:3128\"", "\"ftp://p:1\"", "\"http://\"", "\"http://p:1/x\"", "\"http://p:0\"",
          "\"http://a b:1\"", "\"\"", "\"http://@p:1\"", "\"http://%zz@p:1\"", "\"Env\""}) {
        const std::string text = problem(value);
        EXPECT_NE(text.find("via: "), text.npos) << value;
    }
    EXPECT_NE(problem("\"http://proxy\"").find("has no port; it must be http://HOST:PORT"),
              std::string::npos);
    EXPECT_NE(problem("\"https://p:1\"").find("itself reached over TLS is not known here"),
              std::string::npos);
    EXPECT_NE(problem("1").find("must be a string"), std::string::npos);
    EXPECT_NE(problem("{}").find("via.url: is required"), std::string::npos);
    EXPECT_NE(problem("\"http://lena@p:1\"").find("has a user, whose password has to be in a file"),
              std::string::npos);
    EXPECT_NE(problem(R"({"url": "http://p:1", "password_file": "x"})")
                  .find("via.password_file: has no meaning without a user"),
              std::string::npos);
    EXPECT_NE(problem(R"({"url": "http://a:@p:1"})").find("has a password in it"),
              std::string::npos);
}

TEST(Via, never_repeats_a_password) {
    for (const char* url :
         {"http://a:hunter2@p:1", "http://a:hunter2@p", "https://a:hunter2@p:1", "a:hunter2@p:1",
          "http://a:hunter2@p:99999", "http://a:hunter2/@p:1", "http://a:hunter2%@p:1",
          "http://a:hunter2@p q:1", "http://hunter2:1:2"}) {
        const std::string text =
            config_problems::in(file(std::string("\"via\": \"") + url + "\", "));
        EXPECT_NE(text, "") << url;
        EXPECT_EQ(text.find("hunter2"), text.npos) << text;
    }
}

TEST(ForwardUrl, is_taken_apart) {
    const auto url = parse_forward_url("HTTP://l%65na%40x:p%3a%25:@proxy:3128/");
    ASSERT_TRUE(url) << url.error();
    EXPECT_EQ(*url, (ForwardUrl{ForwardKind::http, {"proxy", 3128}, "lena@x", "p:%:"}));
    EXPECT_EQ(to_string(*url), "http://proxy:3128");
    EXPECT_EQ(to_string(*parse_forward_url("socks5h://[::1]:1")), "socks5://[::1]:1");
    EXPECT_EQ(parse_forward_url("http://a@b@c:1")->user, "a@b");
}

TEST(ForwardUrl, has_a_login_that_can_be_said) {
    EXPECT_FALSE(parse_forward_url("http://a%3ab@c:1"));  // RFC 7617, 2
    EXPECT_TRUE(parse_forward_url("socks5://a%3ab:x@c:1"));
    EXPECT_FALSE(parse_forward_url("http://a%0d%0ab@c:1"));
    EXPECT_FALSE(parse_forward_url("http://a:%00@c:1"));
    EXPECT_FALSE(parse_forward_url("http://" + std::string(256, 'a') + "@c:1"));
    EXPECT_TRUE(parse_forward_url("http://a:@c:1"));
    EXPECT_FALSE(parse_forward_url("socks5://a:@c:1"));  // RFC 1929, 2
}

template <int which>
const char* variable(const char* name) {
    const std::string_view asked(name);
    if (which >= 1 && asked == "http_proxy") return "http://never:1";
    if (which >= 1 && asked == "ALL_PROXY") return "socks5://all:1";
    if (which >= 2 && asked == "HTTPS_PROXY") return "upper:1";
    if (which >= 3 && asked == "https_proxy") return which == 3 ? "" : "http://lower:1";
    if (which == 4 && asked == "no_proxy") return "a";
    if (which >= 3 && asked == "NO_PROXY") return "b";
    return nullptr;
}

TEST(Environment, names_the_first_that_is_there) {
    EXPECT_EQ(forward_in_environment(variable<0>).variable, "");
    EXPECT_EQ(forward_in_environment(variable<1>).url, "socks5://all:1");
    const auto upper = forward_in_environment(variable<2>);
    EXPECT_EQ(upper.variable, "HTTPS_PROXY");
    EXPECT_EQ(upper.url, "http://upper:1");
    EXPECT_EQ(upper.exceptions, "");
    const auto empty = forward_in_environment(variable<3>);
    EXPECT_EQ(empty.variable, "HTTPS_PROXY");
    EXPECT_EQ(empty.exceptions, "b");
    const auto lower = forward_in_environment(variable<4>);
    EXPECT_EQ(lower.variable, "https_proxy");
    EXPECT_EQ(lower.exceptions, "a");
}

}  // namespace
}  // namespace inout::via_options_test
