#include "common/wire/websocket_handshake.hpp"

#include <gtest/gtest.h>

#include "common/base/websocket_limits.hpp"
#include "common/wire/http_fields.hpp"

namespace inout::websocket_handshake_test {
namespace {

/// The key and the answer of RFC 6455, 1.3.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
const std::string kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::string request(const std::string& more = {}, const std::string& start = "GET /inout HTTP/1.1",
                    const std::string& upgrade = "Upgrade: websocket\r\n") {
    return start + "\r\nHost: relay\r\n" + upgrade +
           "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
           std::string(kKey) + "\r\n" + more + "\r\n";
}
unsigned status_of(const std::string& head) { return answer_websocket(head, "/inout").status; }

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return text.replace(at, what.size(), by);
}

}  // namespace

TEST(WebSocketHandshake, AClientAndAServerOfOursUnderstandOneAnother) {
    const auto url = parse_websocket_url("wss://relay.example.com/a/b").value();
    const std::string key = new_websocket_key();
    const std::string asked = websocket_request(url, key);
    EXPECT_EQ(http_head_size(asked), asked.size());
    EXPECT_NE(asked.find("\r\nHost: relay.example.com\r\n"), std::string::npos);
    EXPECT_TRUE(is_http_get(asked.substr(0, 8)));
    const auto answer = answer_websocket(asked, "/a/b");
    EXPECT_EQ(answer.status, 101U);
    EXPECT_EQ(websocket_refusal(answer.bytes, key), std::nullopt);
    EXPECT_NE(websocket_refusal(answer.bytes, new_websocket_key()), std::nullopt);
    EXPECT_NE(key, new_websocket_key());
}

TEST(WebSocketHandshake, TheExampleOfTheStandardIsAnswered) {
    const auto answer =
        answer_websocket(request("Sec-WebSocket-Protocol: chat, inout\r\n"), "/inout");
    EXPECT_NE(answer.bytes.find("\r\nSec-WebSocket-Accept: " + kAccept + "\r\n"),
              std::string::npos);
    EXPECT_NE(answer.bytes.find("\r\nSec-WebSocket-Protocol: inout\r\n"), std::string::npos);
    EXPECT_EQ(answer_websocket(request("Sec-WebSocket-Protocol: chat\r\n"), "/inout")
                  .bytes.find("Sec-WebSocket-Protocol"),
              std::string::npos);
}

TEST(WebSocketHandshake, EachMistakeHasItsStatus) {
    const std::string good = request();
    EXPECT_EQ(status_of(good), 101U);
    EXPECT_EQ(status_of(request({}, "GET /inout?a=b HTTP/1.1")), 101U);
    EXPECT_EQ(status_of(replaced(good, "websocket", "WebSocket")), 101U);
    const auto plain = answer_websocket("GET / HTTP/1.1\r\nHost: relay\r\n\r\n", "/inout");
    EXPECT_EQ(plain.status, 426U);
    EXPECT_TRUE(plain.why.empty());
    EXPECT_NE(plain.bytes.find("\r\nUpgrade: websocket\r\n"), std::string::npos);
    EXPECT_EQ(status_of(replaced(good, "Version: 13", "Version: 8")), 426U);
    EXPECT_EQ(status_of(request("Origin: https://example.com\r\n")), 403U);
    EXPECT_EQ(status_of(request({}, "GET /other HTTP/1.1")), 404U);
    for (const char* start : {"GET /inout HTTP/1.0", "GET  HTTP/1.1", "GET inout HTTP/1.1",
                              "GET http://relay/inout HTTP/1.1", "GET /in out HTTP/1.1"}) {
        EXPECT_EQ(status_of(request({}, start)), 400U) << start;
    }
    for (const char* more : {"Host: other\r\n", "Content-Length: 5\r\n", " folded\r\n",
                             "no field\r\n", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                             "A: b\rc\r\n", "Bad name: x\r\n", "Transfer-Encoding: chunked\r\n"}) {
        EXPECT_EQ(status_of(request(more)), 400U) << more;
    }
    EXPECT_EQ(status_of(replaced(good, "keep-alive, Upgrade", "keep-alive")), 400U);
    EXPECT_EQ(status_of(replaced(good, std::string(kKey), "dGhlIHNhbXBsZQ==")), 400U);
    std::string many;
    for (std::size_t i = 0; i < kHttpFieldsMax; ++i) many += "A: b\r\n";
    EXPECT_EQ(status_of(request(many)), 400U);
}

TEST(WebSocketHandshake, TheLastAddressOfForwardedForIsTheClients) {
    const auto client = [](const std::string& value) {
        const auto answer =
            answer_websocket(request("X-Forwarded-For: " + value + "\r\n"), "/inout");
        return answer.client ? answer.client->text() : std::string("none");
    };
    EXPECT_EQ(client("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(client("10.0.0.1, 192.0.2.1:4711"), "192.0.2.1");
    EXPECT_EQ(client("192.0.2.1\r\nX-Forwarded-For: 192.0.2.2"), "192.0.2.2");
    EXPECT_EQ(client("192.0.2.1,2001:db8::1"), "2001:db8::1");
    EXPECT_EQ(client("[2001:db8::1]"), "2001:db8::1");
    EXPECT_EQ(client("[2001:db8::1]:80"), "2001:db8::1");
    EXPECT_EQ(client("192.0.2.1, unknown"), "none");
    EXPECT_EQ(client(""), "none");
}

TEST(WebSocketHandshake, WhatIsNoAnswerOfOursIsSaidInWords) {
    const std::string good =
        answer_websocket(request("Sec-WebSocket-Protocol: inout\r\n"), "/inout").bytes;
    ASSERT_EQ(websocket_refusal(good, kKey), std::nullopt);
    const auto words = [](const std::string& answer) {
        return websocket_refusal(answer, kKey).value_or("fine");
    };
    EXPECT_NE(words("HTTP/1.1 502 Bad Gateway\r\n\r\n").find("502 Bad Gateway"), std::string::npos);
    EXPECT_NE(words("HTTP/1.1 404 Not \x1b[0mFound\r\n\r\n").find("web server"), std::string::npos);
    EXPECT_NE(words("SSH-2.0-OpenSSH\r\n\r\n").find("no web server"), std::string::npos);
    EXPECT_NE(words(replaced(good, kAccept, "x")).find("another request"), std::string::npos);
    EXPECT_NE(words(replaced(good, "Protocol: inout", "Protocol: chat")).find("no proxy of ours"),
              std::string::npos);
    EXPECT_NE(words(replaced(good, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n"))
                  .find("extension"),
              std::string::npos);
    EXPECT_NE(words(replaced(good, "Upgrade: websocket", "Upgrade: h2c")).find("something else"),
              std::string::npos);
}

TEST(WebSocketUrl, IsReadAndWrittenInOneSpelling) {
    const auto text = [](std::string_view url) {
        const auto parsed = parse_websocket_url(url);
        return parsed ? parsed->text() + " at " + to_string(parsed->place) : parsed.error();
    };
    EXPECT_EQ(text("wss://Relay.Example.com"),
              "wss://relay.example.com/inout at relay.example.com:443");
    EXPECT_EQ(text("ws://relay:8080/a"), "ws://relay:8080/a at relay:8080");
    EXPECT_EQ(text("ws://relay:80/"), "ws://relay/ at relay:80");
    EXPECT_EQ(text("wss://[2001:db8::1]/x"), "wss://[2001:db8::1]/x at [2001:db8::1]:443");
    EXPECT_EQ(text("ws://[::1]:81"), "ws://[::1]:81/inout at [::1]:81");
    for (const char* wrong :
         {"http://relay", "wss://", "wss:///inout", "wss://user@relay", "wss://relay:0",
          "wss://relay:x", "wss://relay/a?b", "wss://relay/a b", "wss://relay#a", "wss://re lay",
          "wss://2001:db8::1"}) {
        EXPECT_FALSE(parse_websocket_url(wrong)) << wrong;
    }
    const HostPort place = parse_websocket_url("wss://relay").value().as_place();
    EXPECT_TRUE(is_websocket_url(place));
    EXPECT_EQ(to_string(place), "wss://relay/inout");
    EXPECT_EQ(websocket_url_of(place).place, (HostPort{"relay", 443}));
}

}  // namespace inout::websocket_handshake_test
