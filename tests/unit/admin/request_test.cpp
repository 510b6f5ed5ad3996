#include "common/admin/request.hpp"

#include <gtest/gtest.h>

#include <string>

#include "common/base/limits.hpp"

namespace inout::admin::request_test {
namespace {

unsigned failure_of(std::string_view text) {
    RequestReader reader;
    reader.feed(text);
    EXPECT_TRUE(reader.is_over()) << text;
    return reader.failure();
}

TEST(RequestReader, ReadsARequestHoweverItIsCut) {
    const std::string text =
        "GET /api/streams?limit=5 HTTP/1.1\r\nHost: localhost:1\r\nX-Empty:\r\naccept: a, "
        "b\r\n\r\n";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        RequestReader reader;
        std::size_t taken = reader.feed(std::string_view(text).substr(0, cut));
        EXPECT_EQ(taken, cut);
        EXPECT_EQ(reader.is_over(), cut == text.size());
        taken += reader.feed(std::string_view(text).substr(taken));
        ASSERT_EQ(taken, text.size());
        ASSERT_TRUE(reader.is_over());
        ASSERT_EQ(reader.failure(), 0U);
        const Request& request = reader.request();
        EXPECT_EQ(request.method, "GET");
        EXPECT_EQ(request.path(), "/api/streams");
        EXPECT_EQ(request.query(), "limit=5");
        EXPECT_EQ(request.field("host"), "localhost:1");
        EXPECT_EQ(request.field("x-empty"), "");
        EXPECT_EQ(request.field("accept"), "a, b");
        EXPECT_EQ(request.field("none"), std::nullopt);
        EXPECT_TRUE(request.keep_alive);
    }
}

TEST(RequestReader, ReadsItByteByByte) {
    const std::string text = "HEAD /x HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n";
    RequestReader reader;
    for (const char& c : text) ASSERT_EQ(reader.feed({&c, 1}), 1U);
    ASSERT_TRUE(reader.is_over());
    EXPECT_EQ(reader.failure(), 0U);
    EXPECT_TRUE(reader.request().is_1_0);
    EXPECT_FALSE(reader.request().keep_alive);
    EXPECT_EQ(reader.request().count("host"), 2U);
    EXPECT_EQ(reader.request().field("host"), std::nullopt);
}

TEST(RequestReader, LeavesTheNextOne) {
    const std::string one = "GET / HTTP/1.1\r\n\r\n";
    RequestReader reader;
    EXPECT_EQ(reader.feed(one + one), one.size());
    EXPECT_TRUE(reader.is_over());
    EXPECT_EQ(reader.feed(one), 0U);
}

TEST(RequestReader, TakesExactlyWhatIsAllowed) {
    const std::string begin = "GET / HTTP/1.1\r\nA: ", end = "\r\n\r\n";
    std::string text = begin + std::string(kAdminRequestMaxBytes - begin.size() - end.size(), 'x');
    EXPECT_EQ(failure_of(text + end), 0U);
    EXPECT_EQ(failure_of(text + "x" + end), 431U);
}

TEST(RequestReader, BoundsWhatNeverEnds) {
    EXPECT_EQ(failure_of("GET /" + std::string(100'000, 'x')), 414U);
    EXPECT_EQ(failure_of("GET / HTTP/1.1\r\nA: " + std::string(100'000, 'x')), 431U);
    EXPECT_EQ(failure_of("GET / HTTP/1.1\r\n" + std::string(100'000, 'x')), 431U);
    std::string lines;
    for (std::size_t i = 0; i < 3'000; ++i) lines += "\r\n";
    lines += "\r\n\r\n\r\n";
    RequestReader reader;
    for (int i = 0; i < 3; ++i) reader.feed(lines);
    EXPECT_TRUE(reader.is_over());
}

TEST(RequestReader, CountsFields) {
    std::string text = "GET / HTTP/1.1\r\n";
    for (std::size_t i = 0; i < kAdminFieldsMax; ++i) text += "A:b\r\n";
    EXPECT_EQ(failure_of(text + "\r\n"), 0U);
    EXPECT_EQ(failure_of(text + "A:b\r\n\r\n"), 431U);
}

TEST(RequestReader, TellsWhatIsWrong) {
    EXPECT_EQ(failure_of("nonsense\r\n\r\n"), 400U);
    EXPECT_EQ(failure_of("\x16\x03\x01\x02"), 400U);
    EXPECT_EQ(failure_of("BREW / HTTP/1.1\r\n\r\n"), 501U);
    EXPECT_EQ(failure_of("GET / HTTP/2.0\r\n\r\n"), 505U);
    EXPECT_EQ(failure_of("GET / HTTP/0.9\r\n\r\n"), 505U);
    EXPECT_EQ(failure_of("GET / FTP/1.1\r\n\r\n"), 400U);
    EXPECT_EQ(failure_of("GET / HTTP/1.1\r\nA b: c\r\n\r\n"), 400U);
    EXPECT_EQ(failure_of("GET / HTTP/1.1\r\nHost : c\r\n\r\n"), 400U);
    EXPECT_EQ(failure_of("GET /\x80 HTTP/1.1\r\n\r\n"), 400U);
    EXPECT_EQ(failure_of(std::string("GET / HTTP/1.1\r\nA: \0\r\n\r\n", 24)), 400U);
    EXPECT_EQ(failure_of("GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400U);
    EXPECT_EQ(failure_of("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400U);
}

TEST(RequestReader, StopsBeforeABody) {
    for (const std::string_view field :
         {"Content-Length: 3", "Transfer-Encoding: chunked", "Transfer-Encoding: odd"}) {
        const std::string head = "POST / HTTP/1.1\r\n" + std::string(field) + "\r\n\r\n";
        RequestReader reader;
        EXPECT_LE(reader.feed(head + "abc"), head.size());
        EXPECT_TRUE(reader.is_over());
        EXPECT_EQ(reader.failure(), 0U);
        EXPECT_TRUE(reader.request().has_body);
    }
    RequestReader none;
    none.feed("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(none.is_over());
    EXPECT_FALSE(none.request().has_body);
}

TEST(RequestReader, DoesNotFollowAnUpgrade) {
    RequestReader reader;
    reader.feed("GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    EXPECT_TRUE(reader.is_over());
    EXPECT_EQ(reader.failure(), 0U);
    EXPECT_FALSE(reader.request().keep_alive);
}

}  // namespace
}  // namespace inout::admin::request_test
