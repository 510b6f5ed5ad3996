// The way through an HTTP proxy, byte by byte.
#include "common/wire/http_tunnel.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace inout::http_tunnel_test {
namespace {

const HostPort& relay() {
    static const HostPort place{"relay.example.com", 40'001};
    return place;
}

const ForwardLogin& login() {
    static const ForwardLogin known{"lena", Secret("secret")};
    return known;
}

/// How it goes with these answers, one for each request, each followed by bytes of the other side.
struct Talk {
    explicit Talk(const ForwardLogin* known, std::size_t piece = 100'000)
        : tunnel(relay(), known, "0123456789abcdef"), size(piece) {}

    ForwardStep hear(const std::string& answer) {
        const std::string request = tunnel.output();
        if (!request.empty()) requests.push_back(request);
        taken = 0;
        while (taken < answer.size() && tunnel.step() == ForwardStep::talk) {
            const std::size_t n = tunnel.take(std::string_view(answer).substr(taken, size));
            taken += n;
            if (n == 0) break;  // another request is next
        }
        return tunnel.step();
    }
    HttpTunnel tunnel;
    std::size_t size, taken = 0;
    std::vector<std::string> requests;
};

constexpr const char* kBasic =
    "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n";
constexpr const char* kDigest =
    "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
    "Proxy-Authenticate: Digest realm=\"x\", nonce=\"n\", qop=\"auth\"\r\n";
const std::string kOk = "HTTP/1.1 200 Connection established\r\nVia: squid\r\n\r\n";

TEST(HttpTunnel, opens_and_takes_no_byte_behind_the_answer) {
    for (const std::size_t piece : {1, 2, 7, 100'000}) {
        Talk talk(nullptr, piece);
        EXPECT_EQ(talk.hear(kOk + "\x16\x03"), ForwardStep::connected);
        EXPECT_EQ(talk.taken, kOk.size());
    }
    Talk talk(nullptr);
    talk.hear("");
    ASSERT_EQ(talk.requests.size(), 1U);
    EXPECT_EQ(talk.requests[0],
              "CONNECT relay.example.com:40001 HTTP/1.1\r\nHost: relay.example.com:40001\r\n\r\n");
    EXPECT_EQ(talk.tunnel.output(), "");
}

TEST(HttpTunnel, knows_an_address_of_ipv6) {
    HttpTunnel tunnel({"2001:db8::1", 443}, nullptr, "00");
    EXPECT_TRUE(tunnel.output().starts_with("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n"));
}

TEST(HttpTunnel, takes_every_success_and_waits_behind_a_preliminary_answer) {
    for (const char* answer :
         {"HTTP/1.0 200\r\n\r\n", "HTTP/1.1 299 \r\n\r\n", "HTTP/1.1 200 OK\n\n",
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"}) {
        Talk talk(nullptr);
        EXPECT_EQ(talk.hear(answer), ForwardStep::connected) << answer;
        EXPECT_EQ(talk.taken, std::string_view(answer).size());
    }
}

TEST(HttpTunnel, fails_at_what_is_no_http) {
    for (const char* answer :
         {"SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01", "HTTP/2 200 \r\n\r\n",
          "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\n folded\r\n\r\n", "HTTP/1.1 200 OK\r\nno field\r\n\r\n",
          "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
          "HTTP/1.1 101 Switching\r\n\r\n"}) {
        Talk talk(&login());
        EXPECT_EQ(talk.hear(answer), ForwardStep::failed) << answer;
    }
    Talk talk(nullptr);
    talk.hear("SSH-2.0-OpenSSH_9.2\r\n");
    EXPECT_EQ(talk.tunnel.failure(),
              "is no HTTP proxy; it says: SSH-2.0-OpenSSH_9.2\\u000d\\u000a");
}

TEST(HttpTunnel, fails_at_a_head_without_end) {
    for (const std::string& answer :
         {"HTTP/1.1 200 " + std::string(10'000, 'x'),
          "HTTP/1.1 200 OK\r\nA: " + std::string(10'000, 'x') + "\r\n\r\n", [] {
              std::string all;
              while (all.size() < 10'000) all += "HTTP/1.1 100 Continue\r\n\r\n";
              return all;
          }()}) {
        Talk talk(nullptr);
        EXPECT_EQ(talk.hear(answer), ForwardStep::failed);
        EXPECT_EQ(talk.taken, kTunnelHeadMaxBytes + 1);
        EXPECT_NE(talk.tunnel.failure().find("more than 8192 bytes"), std::string::npos);
    }
}

TEST(HttpTunnel, logs_in_on_the_same_connection_where_that_goes_on) {
    Talk talk(&login());
    EXPECT_EQ(talk.hear(std::string(kBasic) + "Content-Length: 4\r\n\r\npage"), ForwardStep::talk);
    EXPECT_EQ(talk.hear(kOk), ForwardStep::connected);
    ASSERT_EQ(talk.requests.size(), 2U);
    EXPECT_EQ(talk.requests[0].find("Authorization"), std::string::npos);
    EXPECT_NE(talk.requests[1].find("\r\nProxy-Authorization: Basic bGVuYTpzZWNyZXQ=\r\n\r\n"),
              std::string::npos);
}

TEST(HttpTunnel, logs_in_on_another_connection_where_this_one_ends_or_its_page_does_not) {
    for (const char* more :
         {"Content-Length: 4\r\nConnection: close\r\n\r\npage", "\r\n",
          "Content-Length: 4\r\nProxy-Connection: x, Close\r\n\r\n",
          "Transfer-Encoding: chunked\r\n\r\n", "Content-Length: 65537\r\n\r\n",
          "Content-Length: 4\r\nContent-Length: 5\r\n\r\n", "Content-Length: -1\r\n\r\n",
          "Content-Length: 99999999999999999999999\r\n\r\n"}) {
        Talk talk(&login());
        EXPECT_EQ(talk.hear(kBasic + std::string(more)), ForwardStep::redial) << more;
        EXPECT_EQ(talk.hear(kOk), ForwardStep::connected) << more;
        EXPECT_EQ(talk.requests.size(), 2U);
    }
    Talk talk(&login());
    EXPECT_EQ(talk.hear(std::string(kBasic) + "Content-Length: 9\r\n\r\npage"), ForwardStep::talk);
    talk.tunnel.ended("End of file");
    EXPECT_EQ(talk.tunnel.step(), ForwardStep::redial);
}

TEST(HttpTunnel, logs_in_on_another_connection_where_this_one_ends_just_then) {
    Talk talk(&login());
    EXPECT_EQ(talk.hear(std::string(kBasic) + "Content-Length: 0\r\n\r\n"), ForwardStep::talk);
    EXPECT_EQ(talk.hear(""), ForwardStep::talk);
    talk.tunnel.ended("End of file");
    EXPECT_EQ(talk.tunnel.step(), ForwardStep::redial);
    EXPECT_EQ(talk.hear(""), ForwardStep::talk);
    talk.tunnel.ended("End of file");
    EXPECT_EQ(talk.tunnel.step(), ForwardStep::failed);
    ASSERT_EQ(talk.requests.size(), 3U);
    EXPECT_EQ(talk.requests[1], talk.requests[2]);
}

TEST(HttpTunnel, of_http_1_0_goes_on_only_if_that_is_said) {
    std::string answer = std::string(kBasic) + "Content-Length: 0\r\n";
    answer[7] = '0';
    Talk talk(&login());
    EXPECT_EQ(talk.hear(answer + "\r\n"), ForwardStep::redial);
    Talk other(&login());
    EXPECT_EQ(other.hear(answer + "Connection: Keep-Alive\r\n\r\n"), ForwardStep::talk);
}

TEST(HttpTunnel, shows_no_password_where_there_is_digest) {
    Talk talk(&login());
    EXPECT_EQ(talk.hear(std::string(kDigest) + "Content-Length: 0\r\n\r\n"), ForwardStep::talk);
    talk.hear(kOk);
    const std::string& request = talk.requests.at(1);
    EXPECT_NE(request.find("Proxy-Authorization: Digest username=\"lena\""), std::string::npos);
    EXPECT_NE(request.find("uri=\"relay.example.com:40001\""), std::string::npos);
    EXPECT_EQ(request.find("Basic"), std::string::npos);
}

TEST(HttpTunnel, tries_a_login_once_more_only_if_its_nonce_was_too_old) {
    const std::string empty = "Content-Length: 0\r\n\r\n";
    Talk wrong(&login());
    wrong.hear(kDigest + empty);
    EXPECT_EQ(wrong.hear(kDigest + empty), ForwardStep::failed);
    EXPECT_EQ(wrong.tunnel.failure(),
              "407 Proxy Authentication Required: it does not take the password of \"lena\"; see "
              "whether both are right");

    const std::string stale =
        "HTTP/1.1 407 Again\r\nProxy-Authenticate: Digest realm=\"x\", nonce=\"m\", qop=\"auth\", "
        "stale=true\r\n" +
        empty;
    Talk late(&login());
    late.hear(kDigest + empty);
    EXPECT_EQ(late.hear(stale), ForwardStep::talk);
    EXPECT_EQ(late.hear(stale), ForwardStep::failed);
    ASSERT_EQ(late.requests.size(), 3U);
    EXPECT_NE(late.requests[2].find("nonce=\"m\""), std::string::npos);
}

TEST(HttpTunnel, says_what_to_do) {
    const auto why = [](const ForwardLogin* known, const std::string& answer) {
        Talk talk(known);
        EXPECT_EQ(talk.hear(answer), ForwardStep::failed);
        return talk.tunnel.failure();
    };
    EXPECT_EQ(why(nullptr, kDigest + std::string("\r\n")),
              "407 Proxy Authentication Required: it wants a user and a password (offers basic, "
              "digest); put the user into the URL of \"via\" and the password into its "
              "\"password_file\"");
    EXPECT_NE(why(&login(), "HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n")
                  .find("offers ntlm, and only Basic and Digest"),
              std::string::npos);
    EXPECT_EQ(why(nullptr, "HTTP/1.1 403 Forbidden\r\n\r\n"),
              "403 Forbidden: it does not permit this tunnel; have its administrator permit "
              "CONNECT to relay.example.com:40001, or let the relay listen on port 443");
    EXPECT_NE(why(nullptr, "HTTP/1.1 503 Service Unavailable\r\n\r\n").find("it can not reach"),
              std::string::npos);
    // What it says is shown as far as that can do no harm.
    EXPECT_EQ(why(nullptr, "HTTP/1.1 302 \xc2\x9b" + std::string(500, 'x') + "\r\n\r\n").size(),
              std::string("302 : it opens no tunnel to relay.example.com:40001").size() + 6 + 78);
}

TEST(HttpTunnel, says_that_nothing_came) {
    Talk talk(nullptr);
    talk.hear("HTTP/1.1 2");
    talk.tunnel.ended("End of file");
    EXPECT_EQ(talk.tunnel.step(), ForwardStep::failed);
    EXPECT_EQ(talk.tunnel.failure(),
              "ended the connection without an answer: End of file (is it an HTTP proxy?)");
}

}  // namespace
}  // namespace inout::http_tunnel_test
