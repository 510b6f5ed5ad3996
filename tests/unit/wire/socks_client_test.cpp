// The way through a SOCKS5 server, byte by byte.
#include "common/wire/socks_client.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace inout::socks_client_test {
namespace {

using namespace std::string_literals;

const HostPort& relay() {
    static const HostPort place{"relay.example.com", 40'001};
    return place;
}

const ForwardLogin& login() {
    static const ForwardLogin known{"lena", Secret("secret")};
    return known;
}

/// What is sent until it has heard all of this; `left`: what was not taken.
struct Talk {
    Talk(const HostPort& target, const ForwardLogin* known, std::string_view answers,
         std::size_t piece = 1'000)
        : client(target, known) {
        while (client.step() == ForwardStep::talk) {
            if (std::string out = client.output(); !out.empty()) sent.push_back(std::move(out));
            if (answers.empty()) break;
            answers.remove_prefix(client.take(answers.substr(0, piece)));
        }
        left = answers.size();
    }
    SocksClient client;
    std::vector<std::string> sent;
    std::size_t left = 0;
};

constexpr std::string_view kGranted("\5\0\0\1\x7f\0\0\1\x10\x92", 10);

TEST(SocksClient, opens_and_takes_no_byte_behind_the_answer) {
    for (const std::size_t piece : {1, 3, 1'000}) {
        const Talk talk(relay(), nullptr, "\5\0"s + std::string(kGranted) + "next", piece);
        EXPECT_EQ(talk.client.step(), ForwardStep::connected);
        EXPECT_EQ(talk.left, 4U);
        ASSERT_EQ(talk.sent.size(), 2U);
        EXPECT_EQ(talk.sent[0], "\5\1\0"s);
        EXPECT_EQ(talk.sent[1], "\5\1\0\3\x11relay.example.com\x9c\x41"s);
    }
}

TEST(SocksClient, gives_addresses_as_such) {
    EXPECT_EQ(Talk({"192.0.2.1", 443}, nullptr, "\5\0"s).sent.at(1), "\5\1\0\1\xc0\0\2\1\1\xbb"s);
    EXPECT_EQ(Talk({"2001:db8::1", 443}, nullptr, "\5\0"s).sent.at(1),
              "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\1\xbb"s);
}

TEST(SocksClient, takes_an_answer_with_any_address) {
    for (const std::string& answer :
         {"\5\0\0\4"s + std::string(18, 'x'), "\5\0\0\3\4name\0\1"s, "\5\0\0\3\0\0\1"s}) {
        const Talk talk(relay(), nullptr, "\5\0"s + answer + "z", 1);
        EXPECT_EQ(talk.client.step(), ForwardStep::connected);
        EXPECT_EQ(talk.left, 1U);
    }
}

TEST(SocksClient, logs_in_where_that_is_wanted) {
    const Talk talk(relay(), &login(), "\5\2\1\0"s + std::string(kGranted));
    EXPECT_EQ(talk.client.step(), ForwardStep::connected);
    ASSERT_EQ(talk.sent.size(), 3U);
    EXPECT_EQ(talk.sent[0], "\5\2\0\2"s);
    EXPECT_EQ(talk.sent[1], "\1\4lena\6secret"s);
    const Talk open(relay(), &login(), "\5\0"s);
    EXPECT_EQ(open.sent.size(), 2U);
}

std::string why(const ForwardLogin* known, const std::string& answers) {
    const Talk talk(relay(), known, answers);
    EXPECT_EQ(talk.client.step(), ForwardStep::failed);
    return talk.client.failure();
}

TEST(SocksClient, says_what_to_do) {
    EXPECT_EQ(why(&login(), "\5\2\1\1"s),
              "it does not take the password of \"lena\"; see whether both are right");
    EXPECT_NE(why(nullptr, "\5\xff"s).find("wants a login: put the user"), std::string::npos);
    EXPECT_NE(why(&login(), "\5\xff"s).find("wants another login"), std::string::npos);
    EXPECT_NE(why(nullptr, "\5\0\5\2\0\1\0\0\0\0\0\0"s).find(": not permitted by its rules; have"),
              std::string::npos);
    EXPECT_NE(why(nullptr, "\5\0\5\5\0\1\0\0\0\0\0\0"s).find(": connection refused; see whether"),
              std::string::npos);
    EXPECT_NE(why(nullptr, "\5\0\5\x63\0\1\0\0\0\0\0\0"s).find(": reply 99;"), std::string::npos);
}

TEST(SocksClient, fails_at_what_is_no_socks_server) {
    EXPECT_EQ(why(nullptr, "HTTP/1.1 400 Bad"), "is no SOCKS5 server; it says: HTTP/1.1 400 Bad");
    EXPECT_NE(why(nullptr, "\4\x5a"s).find("is no SOCKS5 server"), std::string::npos);
    EXPECT_NE(why(nullptr, "\5\2"s).find("was not offered: method 2"), std::string::npos);
    EXPECT_NE(why(nullptr, "\5\1"s).find("was not offered: method 1"), std::string::npos);
    EXPECT_NE(why(&login(), "\5\2\5\0"s).find("is no SOCKS5 server"), std::string::npos);
    EXPECT_NE(why(nullptr, "\5\0\5\0\1\1\0\0\0\0\0\0"s).find("is no SOCKS5 server"),
              std::string::npos);
    EXPECT_NE(why(nullptr, "\5\0\5\0\0\2\0\0\0"s).find("is no SOCKS5 server"), std::string::npos);
}

}  // namespace
}  // namespace inout::socks_client_test
