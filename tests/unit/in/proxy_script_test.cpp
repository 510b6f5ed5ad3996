#include "in/proxy_script.hpp"

#include <gtest/gtest.h>

namespace inout::in::proxy_script_test {
namespace {

const TopicNames kNames{.suffix = ".inout"};

ForwardRequest get(std::string path, const std::string& host, std::string method = "GET") {
    ForwardRequest request{.kind = ForwardRequest::Kind::path,
                           .protocol = ForwardProtocol::http,
                           .method = method,
                           .path = path};
    request.head = method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
    return request;
}

std::string status(const std::string& answer) { return answer.substr(9, 3); }
std::string body(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

TEST(ProxyScript, sends_the_names_through_the_proxy_and_nothing_else) {
    EXPECT_EQ(proxy_script(kNames, "127.0.0.1:1080"),
              "function FindProxyForURL(url, host) {\n"
              "  if (dnsDomainIs(host, \".inout\")) return \"SOCKS5 127.0.0.1:1080; SOCKS "
              "127.0.0.1:1080\";\n"
              "  return \"DIRECT\";\n}\n");
}

TEST(ProxyScript, sends_all_but_near_hosts_through_it_where_there_is_an_exit) {
    TopicNames names = kNames;
    names.exit = "exit";
    const std::string script = proxy_script(names, "h:1");
    EXPECT_NE(script.find("isPlainHostName(host)"), std::string::npos);
    EXPECT_TRUE(script.ends_with("  return \"SOCKS5 h:1; SOCKS h:1\";\n}\n"));
}

TEST(ProxyScript, names_the_listener_as_the_browser_has_reached_it) {
    EXPECT_NE(body(answer_to_browser(get("/proxy.pac", "gate:1080"), kNames, "10.0.0.1:1080"))
                  .find("SOCKS5 gate:1080;"),
              std::string::npos);
    for (const char* host : {"gate", "x\"+alert(1)+\":1", "a b:1", "", "fe80::1%x:1"}) {
        EXPECT_NE(body(answer_to_browser(get("/wpad.dat?x", host), kNames, "10.0.0.1:1080"))
                      .find("SOCKS5 10.0.0.1:1080;"),
                  std::string::npos)
            << host;
    }
}

TEST(ProxyScript, is_the_only_page) {
    EXPECT_EQ(status(answer_to_browser(get("/", "h:1"), kNames, "")), "404");
    EXPECT_EQ(status(answer_to_browser(get("/proxy.pac", "h"), kNames, "")), "404");
    EXPECT_EQ(status(answer_to_browser(get("/proxy.pac", "h:1", "POST"), kNames, "")), "405");
    const std::string head = answer_to_browser(get("/proxy.pac", "h:1", "HEAD"), kNames, "");
    EXPECT_EQ(status(head), "200");
    EXPECT_EQ(body(head), "");
}

}  // namespace
}  // namespace inout::in::proxy_script_test
