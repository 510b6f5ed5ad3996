#include "common/wire/http_content.hpp"

#include <gtest/gtest.h>

#include <string>

#include "common/wire/http_closing.hpp"

namespace inout::http_content_test {
namespace {

using namespace std::string_literals;

std::optional<HttpContent> content_of(std::string_view fields) {
    const std::string text = std::string(fields) + "\r\n";
    std::string_view rest = text;
    return HttpContent::of(take_http_fields(rest).value());
}

/// How much of `bytes` is content, given `step` at a time; nothing: it is broken.
std::optional<std::size_t> taken(std::string_view fields, std::string_view bytes,
                                 std::size_t step = 1'000) {
    HttpContent content = content_of(fields).value();
    std::size_t all = 0;
    while (all < bytes.size()) {
        const std::size_t now = content.take(bytes.substr(all, step));
        if (content.is_broken()) return std::nullopt;
        if (now == 0) break;
        all += now;
    }
    return all;
}

constexpr std::string_view kChunked = "Transfer-Encoding: chunked\r\n";

TEST(HttpContent, ends_behind_the_length_that_was_said) {
    EXPECT_EQ(taken("", "GET / HTTP/1.1"), 0U);
    EXPECT_EQ(taken("Content-Length: 0\r\n", "GET"), 0U);
    EXPECT_EQ(taken("content-length: 5\r\n", "abcdeGET"), 5U);
    EXPECT_EQ(taken("content-length: 5\r\n", "abc"), 3U);
}

TEST(HttpContent, ends_behind_the_last_chunk_and_its_trailer) {
    for (const std::size_t step : {1, 2, 3, 7, 1'000}) {
        EXPECT_EQ(taken(kChunked, "0\r\n\r\nGET", step), 5U);
        EXPECT_EQ(taken(kChunked, "3\r\nabc\r\nA ;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET", step),
                  35U);
        EXPECT_EQ(taken(kChunked, "00\r\nA: b\r\nC: d\r\n\r\nGET", step), 18U);
    }
}

TEST(HttpContent, of_which_nobody_knows_where_it_ends_is_broken) {
    for (const char* bytes :
         {"\r\n", "x\r\n", "3\nabc\r\n", "3\r\nabcd\r\n", "3\r\nabc\n0\r\n", "-1\r\n", "0x3\r\n",
          "0\r\nA: b\n\r\n", "3;\x01\r\n", "1234567890123456\r\n", "3\rabc"}) {
        EXPECT_EQ(taken(kChunked, bytes), std::nullopt) << bytes;
    }
}

TEST(HttpContent, is_refused_if_its_fields_can_be_read_in_two_ways) {
    for (const char* fields :
         {"Content-Length: 1\r\nContent-Length: 1\r\n", "Content-Length: 1, 1\r\n",
          "Content-Length: +1\r\n", "Content-Length:\r\n",
          "Content-Length: 1234567890123456789\r\n",
          "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
          "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: identity\r\n"}) {
        EXPECT_FALSE(content_of(fields)) << fields;
    }
}

/// The same response with the field in it, in pieces of `step`.
std::string marked(std::string_view bytes, std::size_t step) {
    HttpClosing closing;
    std::string all;
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, step);
        const std::size_t now = closing.pass(piece);
        all += bytes.substr(0, now);
        bytes.remove_prefix(now);
        if (closing.take_due()) all += HttpClosing::kField;
    }
    return all;
}

TEST(HttpClosing, stands_first_in_the_head_of_the_last_response) {
    for (const std::size_t step : {1, 2, 5, 1'000}) {
        EXPECT_EQ(marked("HTTP/1.1 200 OK\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n", step),
                  "HTTP/1.1 200 OK\r\nConnection: close\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n");
        EXPECT_EQ(marked("HTTP/1.0 404\n\n", step), "HTTP/1.0 404\nConnection: close\r\n\n");
        EXPECT_EQ(marked("HTTP/1.1 100 C\r\nA: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n", step),
                  "HTTP/1.1 100 C\r\nA: b\r\n\r\nHTTP/1.1 204 No\r\nConnection: close\r\n\r\n");
    }
}

TEST(HttpClosing, leaves_what_is_no_http_as_it_is) {
    for (const auto& bytes : {"\n\n"s, "<html>\n\r\n"s, "HTTP/2 200\r\n\r\n"s, "HTTP/1.1 200"s}) {
        EXPECT_EQ(marked(bytes, 3), bytes);
    }
}

}  // namespace
}  // namespace inout::http_content_test
