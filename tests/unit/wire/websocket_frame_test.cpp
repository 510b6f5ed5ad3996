#include "common/wire/websocket_frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace inout::websocket_frame_test {
namespace {

using End = WebSocketReader::End;
using Role = WebSocketRole;
using enum WebSocketOpcode;
constexpr WebSocketMask kMask{'\x37', '\xfa', '\x21', '\x3d'};

/// A frame with any first byte, as a peer may write it.
std::string frame(unsigned first, std::string_view content, bool masked) {
    const auto mask = masked ? std::optional(kMask) : std::nullopt;
    const auto header = websocket_header(binary, content.size(), mask);
    std::string bytes(header.view());
    bytes[0] = static_cast<char>(first);
    bytes += content;
    if (masked) apply_mask(std::span(bytes).last(content.size()), kMask);
    return bytes;
}
constexpr unsigned kWhole = 0x80;
std::string client_frame(std::string_view content, unsigned first = 0x82) {
    return frame(first, content, true);
}

struct Read {
    std::string content{};
    End end = End::none;
    std::string problem{};
    std::vector<std::string> pings{};
    unsigned status = 0;
    bool operator==(const Read&) const = default;
};

Read read_in_pieces(std::string bytes, Role role, std::size_t size) {
    WebSocketReader reader(role);
    Read read;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
        std::string piece = bytes.substr(at, size);
        read.content += piece.substr(0, reader.take(piece));
        while (auto ping = reader.next_ping()) read.pings.push_back(*ping);
    }
    read.end = reader.end();
    read.problem = reader.problem();
    read.status = static_cast<unsigned>(reader.status());
    return read;
}

/// However it is cut, the same.
Read read(const std::string& bytes, Role role = Role::server) {
    const Read whole = read_in_pieces(bytes, role, bytes.size() + 1);
    for (const std::size_t size : {1U, 2U, 3U, 7U, 64U}) {
        EXPECT_EQ(read_in_pieces(bytes, role, size), whole) << size;
    }
    return whole;
}

void expect_problem(const std::string& bytes, unsigned status, std::string_view problem,
                    Role role = Role::server) {
    const Read seen = read(bytes, role);
    EXPECT_EQ(seen.end, End::broken) << problem;
    EXPECT_EQ(seen.status, status) << problem;
    EXPECT_NE(seen.problem.find(problem), std::string::npos) << seen.problem;
}

}  // namespace

// RFC 6455, 5.7.
TEST(WebSocketFrame, TheExamplesOfTheStandardAreReadAndWritten) {
    const std::string masked{'\x82', '\x85', '\x37', '\xfa', '\x21', '\x3d',
                             '\x7f', '\x9f', '\x4d', '\x51', '\x58'};
    EXPECT_EQ(client_frame("Hello"), masked);
    EXPECT_EQ(read(masked).content, "Hello");
    EXPECT_EQ(read(frame(0x02, "Hel", false) + frame(0x80, "lo", false), Role::client).content,
              "Hello");
    std::string ping;
    append_control(ping, WebSocketOpcode::ping, "Hello", std::nullopt);
    EXPECT_EQ(ping, std::string("\x89\x05") + "Hello");
    std::string pong;
    append_control(pong, WebSocketOpcode::pong, "Hello", kMask);
    EXPECT_EQ(pong, std::string("\x8a") + masked.substr(1));
}

TEST(WebSocketFrame, LengthsHaveTheirShortestForm) {
    const auto size_of = [](std::uint64_t size) {
        return websocket_header(binary, size, std::nullopt).size;
    };
    EXPECT_EQ(size_of(0), 2U);
    EXPECT_EQ(size_of(125), 2U);
    EXPECT_EQ(size_of(126), 4U);
    EXPECT_EQ(size_of(65'535), 4U);
    EXPECT_EQ(size_of(65'536), 10U);
    EXPECT_EQ(websocket_header(binary, 65'536, kMask).size, 14U);
    for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 128U, 65'535U, 65'536U, 70'001U}) {
        const std::string content(size, 'x');
        EXPECT_EQ(read_in_pieces(client_frame(content), Role::server, 4'096).content, content);
        EXPECT_EQ(read_in_pieces(frame(0x82, content, false), Role::client, 4'096).content,
                  content);
    }
}

TEST(WebSocketFrame, FragmentsAndControlFramesBetweenThemAreOneContent) {
    const Read seen =
        read(client_frame("a", 0x02) + client_frame("p1", 0x89) + client_frame("b", 0x00) +
             client_frame("", 0x00) + client_frame("p2", 0x89) + client_frame("", 0x8a) +
             client_frame("c", 0x80) + client_frame("d"));
    EXPECT_EQ(seen.content, "abcd");
    EXPECT_EQ(seen.pings, (std::vector<std::string>{"p1", "p2"}));
    EXPECT_EQ(seen.end, End::none);
}

TEST(WebSocketFrame, BehindACloseFrameNothingCounts) {
    const std::string good = client_frame(close_content(WebSocketStatus::normal, "bye"), 0x88);
    EXPECT_EQ(read(client_frame("x") + good + client_frame("y") + "garbage").content, "x");
    EXPECT_EQ(read(good).end, End::closed);
    EXPECT_EQ(read(client_frame("", 0x88)).end, End::closed);
}

TEST(WebSocketFrame, WhatIsAgainstTheRulesEndsIt) {
    for (const unsigned bit : {0x40U, 0x20U, 0x10U}) {
        expect_problem(client_frame("x", 0x82 | bit), 1'002, "reserved bits");
    }
    for (const unsigned opcode : {3U, 4U, 5U, 6U, 7U, 11U, 12U, 13U, 14U, 15U}) {
        expect_problem(client_frame("x", kWhole | opcode), 1'002, "reserved opcode");
    }
    expect_problem(client_frame("x", 0x81), 1'003, "text");
    expect_problem(client_frame("x", 0x80), 1'002, "continuation of nothing");
    expect_problem(client_frame("x", 0x02) + client_frame("y"), 1'002, "within another");
    expect_problem(client_frame("x", 0x09), 1'002, "in fragments");
    expect_problem(client_frame("x", 0x08), 1'002, "in fragments");
    expect_problem(client_frame(std::string(126, 'x'), 0x89), 1'002, "too long");
    expect_problem(frame(0x82, "x", false), 1'002, "without a mask");
    expect_problem(frame(0x82, "x", true), 1'002, "with a mask", Role::client);
}

TEST(WebSocketFrame, ALengthThatIsNotTheShortestIsNone) {
    expect_problem(std::string("\x82\xfe\0\x7d", 4) + "mask", 1'002, "shortest");
    expect_problem(std::string("\x82\xff\0\0\0\0\0\0\xff\xff", 10) + "mask", 1'002, "shortest");
    expect_problem(std::string("\x82\xff\x80\0\0\0\0\1\0\0", 10) + "mask", 1'002, "63 bits");
    // The longest there may be begins like any other.
    EXPECT_EQ(read(std::string("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10) + "maskx").end,
              End::none);
}

TEST(WebSocketFrame, ACloseFrameSaysWhatAPeerMaySay) {
    const auto close_with = [](std::string content) { return client_frame(content, 0x88); };
    expect_problem(close_with("x"), 1'002, "half a status");
    for (const unsigned status : {0U, 999U, 1'004U, 1'005U, 1'006U, 1'015U, 2'999U, 5'000U}) {
        expect_problem(close_with(close_content(static_cast<WebSocketStatus>(status))), 1'002,
                       "nobody says");
    }
    for (const unsigned status : {1'000U, 1'003U, 1'007U, 1'014U, 3'000U, 4'999U}) {
        EXPECT_EQ(read(close_with(close_content(static_cast<WebSocketStatus>(status)))).end,
                  End::closed);
    }
    expect_problem(close_with(close_content(WebSocketStatus::normal, "\xce\xba\xe1")), 1'007,
                   "UTF-8");
}

TEST(WebSocketFrame, PingsThatNobodyAnswersAreForgotten) {
    std::string many;
    for (int i = 0; i < 100; ++i) many += client_frame(std::string(125, 'p'), 0x89);
    const Read seen = read_in_pieces(many, Role::server, many.size());
    EXPECT_EQ(seen.pings.size(), kWebSocketPingsMaxBytes / 126);
    EXPECT_EQ(seen.end, End::none);
}

TEST(WebSocketFrame, AMaskLiesOverAnyPieceAlike) {
    std::mt19937 random(1);
    std::string text(1'000, '\0');
    for (char& c : text) c = static_cast<char>(random());
    std::string naive = text;
    for (std::size_t i = 0; i < naive.size(); ++i) {
        naive[i] = static_cast<char>(naive[i] ^ kMask[i % 4]);
    }
    std::string copied(text.size(), '\0');
    copy_masked(copied.data(), text, kMask);
    EXPECT_EQ(copied, naive);
    for (int round = 0; round < 200; ++round) {
        std::string pieces = text;
        for (std::size_t at = 0; at < pieces.size();) {
            const auto size = std::min<std::size_t>(1 + random() % 50, pieces.size() - at);
            apply_mask(std::span(pieces).subspan(at, size), kMask, at);
            at += size;
        }
        ASSERT_EQ(pieces, naive);
    }
}

}  // namespace inout::websocket_frame_test
