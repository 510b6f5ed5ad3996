#include "common/wire/forward_answer.hpp"

#include <gtest/gtest.h>

#include "common/wire/forward_reader.hpp"

namespace inout::forward_answer_test {
namespace {

using namespace std::string_literals;

ForwardRequest read(std::string_view text) {
    ForwardReader reader(nullptr);
    std::size_t taken = 0;
    while (taken < text.size()) {
        const auto step = reader.feed(text.substr(taken));
        taken += step.taken;
        EXPECT_NE(step.state, ForwardReader::State::refused);
        if (step.state == ForwardReader::State::request) break;
    }
    return reader.request();
}

TEST(ForwardAnswer, tells_each_failure_of_an_open_in_the_clients_words) {
    struct Row {
        Code code;
        char socks5;
        const char* http;
    };
    // RFC 1928, 6; RFC 9110, 15.
    const Row rows[] = {
        {Code::no_topic, 4, "502"},
        {Code::no_out, 3, "502"},
        {Code::open_timeout, 6, "504"},
        {Code::backend_refused, 5, "502"},
        {Code::backend_timeout, 6, "504"},
        {Code::backend_unresolved, 4, "502"},
        {Code::denied, 2, "403"},
        {Code::clock, 1, "500"},
        {Code::e2e, 1, "500"},
        {Code::quota, 1, "503"},
        {Code::limit, 1, "503"},
        {Code::penalised, 1, "503"},
        {Code::unready, 3, "502"},
        {Code::draining, 3, "502"},
        {Code::no_directory, 3, "502"},
        {Code::version, 1, "500"},
        {Code::malformed, 1, "500"},
        {Code::unknown, 1, "500"},
        {Code::proxy_unreachable, 3, "502"},
        {Code::proxy_gone, 3, "502"},
        {Code::client_gone, 1, "500"},
        {Code::in_gone, 1, "500"},
    };
    EXPECT_EQ(std::size(rows), kCodes - 1) << "each but none";
    for (const auto& [code, socks5, http] : rows) {
        const ForwardFailure failure = forward_failure_of(code);
        EXPECT_EQ(forward_failure(ForwardProtocol::socks5, failure)[1], socks5) << to_string(code);
        EXPECT_EQ(forward_failure(ForwardProtocol::http, failure).substr(9, 3), http)
            << to_string(code);
        EXPECT_EQ(forward_failure(ForwardProtocol::socks4, failure)[1], 91) << to_string(code);
    }
}

TEST(ForwardAnswer, asks_an_exit_as_its_reader_reads_it) {
    for (const HostPort& target : {HostPort{"example.com", 443}, HostPort{"10.1.2.3", 80},
                                   HostPort{"2001:db8::1", 65'535}, HostPort{"a", 1}}) {
        const std::string words = socks5_request(target);
        EXPECT_EQ(read(words).target, target);
        EXPECT_EQ(words.substr(0, 6), "\x05\x01\x00\x05\x01\x00"s);
    }
}

TEST(ForwardAnswer, knows_how_long_an_exits_answers_are) {
    const std::string method = "\5\0"s;
    for (const std::string& address :
         {"\1\0\0\0\0\0\0"s, "\3\3abc\0\0"s, "\4" + std::string(18, '\0')}) {
        const std::string all = method + "\5\0\0"s + address;
        for (std::size_t size = 0; size < all.size(); ++size) {
            const std::size_t wanted = socks5_answer_bytes(std::string_view(all).substr(0, size));
            EXPECT_GT(wanted, size);
            EXPECT_LE(wanted, all.size());
        }
        EXPECT_EQ(socks5_answer_bytes(all), all.size());
        EXPECT_EQ(socks5_answer_bytes(all + "stream"), all.size());
        EXPECT_EQ(socks5_answer_failure(all), std::nullopt);
    }
}

TEST(ForwardAnswer, takes_what_is_no_answer_for_a_failure) {
    const auto failure = [](const std::string& bytes) {
        return socks5_answer_failure(bytes.substr(0, socks5_answer_bytes(bytes)));
    };
    EXPECT_EQ(failure("\5\xff"s), ForwardFailure::general);
    EXPECT_EQ(failure("HTTP/1.1 400 Bad Request\r\n"), ForwardFailure::general);
    EXPECT_EQ(failure("\5\0\4\0\0\1\0\0\0\0\0\0"s), ForwardFailure::general);
    EXPECT_EQ(failure("\5\0\5\0\0\7"s), ForwardFailure::general);
    EXPECT_EQ(failure("\5\0\5\2\0\1\0\0\0\0\0\0"s), ForwardFailure::not_allowed);
    EXPECT_EQ(failure("\5\0\5\4\0\1\0\0\0\0\0\0"s), ForwardFailure::unresolved);
    EXPECT_EQ(failure("\5\0\5\5\0\1\0\0\0\0\0\0"s), ForwardFailure::refused);
    EXPECT_EQ(failure("\5\0\5\6\0\1\0\0\0\0\0\0"s), ForwardFailure::timeout);
    EXPECT_EQ(failure("\5\0\5\1\0\1\0\0\0\0\0\0"s), ForwardFailure::general);
}

TEST(ForwardAnswer, passes_a_request_for_a_page_on_as_its_server_wants_it) {
    EXPECT_EQ(
        origin_request(read("GET http://Web.inout/a?b HTTP/1.1\r\nHost: other\r\n"
                            "Proxy-Authorization: Basic YTpi\r\nProxy-Connection: keep-alive\r\n"
                            "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nAccept: */*\r\n"
                            "Upgrade: h2c\r\nTE: trailers\r\n\r\n")),
        "GET /a?b HTTP/1.1\r\nHost: web.inout\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(origin_request(read("POST http://web.inout:8080 HTTP/1.0\r\nContent-Length: 3\r\n"
                                  "Connection: content-length\r\n\r\nabc")),
              "POST / HTTP/1.0\r\nHost: web.inout:8080\r\nContent-Length: 3\r\n"
              "Connection: close\r\n\r\n")
        << "without its length the content would be another request";
}

}  // namespace
}  // namespace inout::forward_answer_test
