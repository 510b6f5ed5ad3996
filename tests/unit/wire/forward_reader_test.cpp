#include "common/wire/forward_reader.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "common/wire/http_head.hpp"

namespace inout::forward_reader_test {
namespace {

using namespace std::string_literals;
using State = ForwardReader::State;

const ForwardUsers& users() {
    static const ForwardUsers made = ForwardUsers::parse("ann:secret\nbob:a:b\n").value();
    return made;
}

/// What a conversation comes to.
struct Talk {
    std::string said;    ///< all answers
    std::string result;  ///< "more", "refused", or what is asked for
    std::size_t taken = 0;
    ForwardReader reader;
};

/// Gives `bytes` in pieces of `step`, all that answers do not wait for.
Talk talk(std::string_view bytes, const ForwardUsers* who = nullptr, std::size_t step = 1'000) {
    Talk made{{}, "more", 0, ForwardReader(who)};
    while (made.taken < bytes.size()) {
        auto read = made.reader.feed(bytes.substr(made.taken, step));
        made.taken += read.taken;
        made.said += read.answer;
        if (read.state == State::refused) {
            made.result = "refused";
            break;
        }
        if (read.state != State::request) continue;
        const ForwardRequest& asked = made.reader.request();
        made.result = std::string(to_string(asked.protocol)) + " ";
        if (asked.kind != ForwardRequest::Kind::connect) made.result += asked.method + " ";
        if (asked.kind != ForwardRequest::Kind::path) made.result += to_string(asked.target);
        if (!asked.path.empty()) made.result += " " + asked.path;
        if (!asked.user.empty()) made.result += " of " + asked.user;
        break;
    }
    return made;
}

std::string port(unsigned value) {
    return {static_cast<char>(value / 256), static_cast<char>(value % 256)};
}
std::string by_name(const std::string& host, unsigned at = 443, char command = 1) {
    return "\x05"s + command + "\0\x03"s + static_cast<char>(host.size()) + host + port(at);
}
std::string password(const std::string& user, const std::string& word) {
    return "\x01"s + static_cast<char>(user.size()) + user + static_cast<char>(word.size()) + word;
}
const std::string kHello = "\x05\x01\0"s, kHelloOfUser = "\x05\x02\0\x02"s;
std::string socks5_failure(char reply) { return "\x05"s + reply + "\0\x01\0\0\0\0\0\0"s; }
const std::string kSocks4Failure = "\0\x5b\0\0\0\0\0\0"s;

TEST(ForwardReader, socks5_by_name_and_by_addresses) {
    const Talk name = talk(kHello + by_name("Example.COM") + "stream");
    EXPECT_EQ(name.result, "SOCKS5 example.com:443");
    EXPECT_EQ(name.said, "\x05\0"s);
    EXPECT_EQ(name.taken, kHello.size() + by_name("example.com").size());
    EXPECT_EQ(talk(kHello + "\x05\x01\0\x01\x7f\0\0\x01"s + port(80)).result,
              "SOCKS5 127.0.0.1:80");
    const std::string loopback = std::string(15, '\0') + "\x01";
    EXPECT_EQ(talk(kHello + "\x05\x01\0\x04"s + loopback + port(80)).result, "SOCKS5 [::1]:80");
    EXPECT_EQ(talk(kHello + by_name("10.0.0.1")).result, "SOCKS5 10.0.0.1:443");
    EXPECT_EQ(talk(kHello + by_name("::1")).result, "SOCKS5 [::1]:443");
}

TEST(ForwardReader, however_the_bytes_come_the_same_is_read) {
    const std::vector<std::string> all{
        kHello + by_name("example.com"),
        "\x05\x01\x02"s + password("ann", "secret") + by_name("example.com"),
        "\x04\x01"s + port(80) + "\x0a\0\0\x01"s + "me\0"s,
        "\x04\x01"s + port(80) + "\0\0\0\x01"s + "me\0"s + "example.com\0"s,
        "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n",
        "GET http://example.com/ HTTP/1.1\r\n\r\n"};
    for (const std::string& bytes : all) {
        const Talk whole = talk(bytes + "rest");
        EXPECT_EQ(whole.taken, bytes.size());
        for (std::size_t step = 1; step < 7; ++step) {
            const Talk cut = talk(bytes + "rest", nullptr, step);
            EXPECT_EQ(cut.result, whole.result);
            EXPECT_EQ(cut.said, whole.said);
            EXPECT_EQ(cut.taken, whole.taken);
        }
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            EXPECT_EQ(talk(bytes.substr(0, size)).result, "more") << size << " of " << bytes;
        }
    }
}

TEST(ForwardReader, socks5_with_a_user) {
    const std::string right = kHelloOfUser + password("ann", "secret") + by_name("example.com");
    const Talk good = talk(right, &users());
    EXPECT_EQ(good.result, "SOCKS5 example.com:443 of ann");
    EXPECT_EQ(good.said, "\x05\x02\x01\0"s);
    for (const auto& [user, word] :
         std::vector<std::pair<std::string, std::string>>{{"ann", "secre"},
                                                          {"ann", ""},
                                                          {"", "secret"},
                                                          {"bob", "secret"},
                                                          {"ann\0"s, "secret"},
                                                          {"bob:a", "b"}}) {
        const Talk bad = talk(kHelloOfUser + password(user, word), &users());
        EXPECT_EQ(bad.result, "refused") << user;
        EXPECT_EQ(bad.said, "\x05\x02\x01\x01"s);
        EXPECT_EQ(bad.reader.failure(), ForwardFailure::credentials);
    }
    EXPECT_EQ(talk(kHelloOfUser + password("bob", "a:b") + by_name("a.b"), &users()).result,
              "SOCKS5 a.b:443 of bob");
    EXPECT_EQ(talk(kHello, &users()).said, "\x05\xff"s);
    EXPECT_EQ(talk("\x05\0"s).said, "\x05\xff"s) << "no method at all";
    // Whom nobody asks may say a name.
    EXPECT_EQ(talk("\x05\x01\x02"s + password("x", "y") + by_name("a.b")).result,
              "SOCKS5 a.b:443 of x");
}

TEST(ForwardReader, socks5_refuses_what_it_does_not_do) {
    EXPECT_EQ(talk(kHello + by_name("a.b", 443, 2)).said, "\x05\0"s + socks5_failure(7)) << "BIND";
    EXPECT_EQ(talk(kHello + by_name("a.b", 443, 3)).said, "\x05\0"s + socks5_failure(7)) << "UDP";
    EXPECT_EQ(talk(kHello + "\x05\x01\0\x02\0"s).said, "\x05\0"s + socks5_failure(8));
    const std::string general = "\x05\0"s + socks5_failure(1);
    EXPECT_EQ(talk(kHello + "\x05\x01\x01\x03\x01"s + "a" + port(1)).said, general) << "reserved";
    EXPECT_EQ(talk(kHello + by_name("a.b", 0)).said, general);
    for (const std::string& host : {""s, "a\0b"s, "a b"s, "127.1"s, "0x7f.1"s, "a..b"s, "[::1]"s,
                                    "fe80::1%eth0"s, "."s, "a:80"s, std::string(255, 'a')}) {
        EXPECT_EQ(talk(kHello + by_name(host)).said, general) << host;
    }
}

TEST(ForwardReader, socks4_and_4a) {
    const std::string address = "\x04\x01"s + port(80) + "\x0a\0\0\x01"s;
    EXPECT_EQ(talk(address + "me\0"s).result, "SOCKS4 10.0.0.1:80 of me");
    EXPECT_EQ(talk(address + "\0"s).result, "SOCKS4 10.0.0.1:80");
    const std::string named = "\x04\x01"s + port(80) + "\0\0\0\x07"s;
    EXPECT_EQ(talk(named + "\0"s + "example.com\0"s).result, "SOCKS4 example.com:80");
    EXPECT_EQ(talk(named + "\0\0"s).said, kSocks4Failure);
    EXPECT_EQ(talk("\x04\x02"s + port(80) + "\x0a\0\0\x01\0"s).said, kSocks4Failure) << "BIND";
    EXPECT_EQ(talk(address + "me\0"s, &users()).said, kSocks4Failure) << "it has no password";
    EXPECT_EQ(talk(address + std::string(255, 'u') + "\0"s).result,
              "SOCKS4 10.0.0.1:80 of " + std::string(255, 'u'));
    EXPECT_EQ(talk(address + std::string(257, 'u')).said, kSocks4Failure);
    EXPECT_EQ(talk(named + "\0"s + std::string(257, 'h')).said, kSocks4Failure);
}

TEST(ForwardReader, http_connect) {
    const Talk plain = talk("CONNECT Example.com:443 HTTP/1.1\r\nHost: x\r\n\r\nstream");
    EXPECT_EQ(plain.result, "HTTP example.com:443");
    EXPECT_EQ(plain.said, "");
    EXPECT_TRUE(plain.reader.request().head.empty()) << "it may have a password";
    EXPECT_EQ(talk("CONNECT [::1]:443 HTTP/1.0\r\n\r\n").result, "HTTP [::1]:443");
    // "ann:secret"
    const std::string good =
        "CONNECT a.b:1 HTTP/1.1\r\nproxy-authorization: basic YW5uOnNlY3JldA==";
    EXPECT_EQ(talk(good + "\r\n\r\n", &users()).result, "HTTP a.b:1 of ann");
    EXPECT_EQ(talk(good + "\r\n\r\n").result, "HTTP a.b:1 of ann");
    for (const std::string& head :
         {"CONNECT a.b:1 HTTP/1.1\r\n\r\n"s, good + "x\r\n\r\n",
          "CONNECT a.b:1 HTTP/1.1\r\nProxy-Authorization: Basic YW5uOnNlY3JldAo=\r\n\r\n"s}) {
        const Talk bad = talk(head, &users());
        EXPECT_TRUE(bad.said.starts_with("HTTP/1.1 407 ")) << head;
        EXPECT_NE(bad.said.find("\r\nProxy-Authenticate: Basic "), std::string::npos);
    }
}

TEST(ForwardReader, http_to_be_fetched_and_http_to_whoever_is_here) {
    const std::string head =
        "GET HTTP://example.com:8080/a?b HTTP/1.1\r\nHost: example.com\r\n\r\n";
    const Talk fetched = talk(head + "more");
    EXPECT_EQ(fetched.result, "HTTP GET example.com:8080 /a?b");
    EXPECT_EQ(fetched.reader.request().head, head);
    EXPECT_EQ(talk("GET http://a.b?c HTTP/1.1\r\n\r\n").result, "HTTP GET a.b:80 /?c");
    EXPECT_EQ(talk("POST http://a.b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello").result,
              "HTTP POST a.b:80 /");
    EXPECT_TRUE(
        talk("GET http://a.b/ HTTP/1.1\r\n\r\n", &users()).said.starts_with("HTTP/1.1 407"));
    const Talk here = talk("GET /proxy.pac HTTP/1.1\r\nHost: h\r\n\r\n", &users());
    EXPECT_EQ(here.result, "HTTP GET  /proxy.pac");
    EXPECT_EQ(here.reader.request().head, "GET /proxy.pac HTTP/1.1\r\nHost: h\r\n\r\n");
}

TEST(ForwardReader, http_is_strict) {
    for (const std::string head : {"CONNECT a.b HTTP/1.1\r\n\r\n",
                                   "CONNECT :443 HTTP/1.1\r\n\r\n",
                                   "CONNECT a.b:0 HTTP/1.1\r\n\r\n",
                                   "CONNECT a.b:x HTTP/1.1\r\n\r\n",
                                   "CONNECT a.b:65536 HTTP/1.1\r\n\r\n",
                                   "CONNECT u@a.b:443 HTTP/1.1\r\n\r\n",
                                   "CONNECT  a.b:443 HTTP/1.1\r\n\r\n",
                                   "CONNECT a.b:443  HTTP/1.1\r\n\r\n",
                                   "CONNECT a.b:443\r\n\r\n",
                                   "CONNECT a.b:443 HTTP/1.1\n\n",
                                   "CONNECT a.b:443 HTTP/1.1\r\nHost : x\r\n\r\n",
                                   "CONNECT a.b:443 HTTP/1.1\r\n fold\r\n\r\n",
                                   "CONNECT a.b:443 HTTP/1.1\r\nno field\r\n\r\n",
                                   "CONNECT a.b:443 HTTP/1.1\r\nA: b\rc\r\n\r\n",
                                   "CONNECT a.b:443 HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
                                   "CONNECT a.b:443 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                                   "CONNECT a.b:443 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                                   "GET http://u@a.b/ HTTP/1.1\r\n\r\n",
                                   "GET https://a.b/ HTTP/1.1\r\n\r\n",
                                   "GET http:/// HTTP/1.1\r\n\r\n",
                                   "GET http://a.b/#c HTTP/1.1\r\n\r\n",
                                   "OPTIONS * HTTP/1.1\r\n\r\n",
                                   "G(T / HTTP/1.1\r\n\r\n"}) {
        const Talk bad = talk(head);
        EXPECT_TRUE(bad.said.starts_with("HTTP/1.1 400 ")) << head << bad.said << bad.result;
    }
    EXPECT_TRUE(talk("GET / HTTP/2.0\r\n\r\n").said.starts_with("HTTP/1.1 505 "));
    EXPECT_TRUE(talk("GET /" + std::string(9'000, 'a')).said.starts_with("HTTP/1.1 431 "));
    std::string many = "GET / HTTP/1.1\r\n";
    for (std::size_t i = 0; i <= kHttpFieldsMax; ++i) many += "a: b\r\n";
    EXPECT_TRUE(talk(many + "\r\n").said.starts_with("HTTP/1.1 431 "));
}

TEST(ForwardReader, who_speaks_none_of_them_is_told_nothing) {
    for (const std::string& first : {"\x16\x03\x01"s, "\0"s, "get / HTTP/1.1\r\n\r\n"s, "\r\n"s}) {
        const Talk other = talk(first);
        EXPECT_EQ(other.result, "refused");
        EXPECT_EQ(other.said, "");
        EXPECT_FALSE(other.reader.protocol());
    }
}

TEST(ForwardRequest, each_failure_has_its_word_in_each_protocol) {
    EXPECT_EQ(forward_success(ForwardProtocol::socks5), socks5_failure(0));
    EXPECT_EQ(forward_success(ForwardProtocol::socks4), "\0\x5a\0\0\0\0\0\0"s);
    EXPECT_EQ(forward_success(ForwardProtocol::http),
              "HTTP/1.1 200 Connection established\r\n\r\n");
    const auto words = [](ForwardFailure failure) {
        return std::to_string(forward_failure(ForwardProtocol::socks5, failure)[1]) + " " +
               forward_failure(ForwardProtocol::http, failure).substr(9, 3);
    };
    EXPECT_EQ(words(ForwardFailure::not_allowed), "2 403");
    EXPECT_EQ(words(ForwardFailure::unreachable), "3 502");
    EXPECT_EQ(words(ForwardFailure::unresolved), "4 502");
    EXPECT_EQ(words(ForwardFailure::refused), "5 502");
    EXPECT_EQ(words(ForwardFailure::timeout), "6 504");
    EXPECT_EQ(words(ForwardFailure::limit), "1 503");
    EXPECT_EQ(words(ForwardFailure::general), "1 500");
}

TEST(ForwardUsers, a_file_has_a_name_and_a_password_on_each_line) {
    const auto good = ForwardUsers::parse("# who\n\nann:secret\r\nbob:x");
    ASSERT_TRUE(good);
    EXPECT_TRUE(good->accept("ann", "secret"));
    EXPECT_FALSE(good->accept("ann", "x"));
    EXPECT_FALSE(good->accept("# who", ""));
    for (const std::string bad :
         {"", "# nobody\n", "ann", "ann:", ":secret", "ann:a\nann:b", "an\tn:secret"}) {
        const auto users = ForwardUsers::parse(bad);
        ASSERT_FALSE(users) << bad;
        EXPECT_EQ(users.error().find("secret"), std::string::npos);
    }
}

}  // namespace
}  // namespace inout::forward_reader_test
