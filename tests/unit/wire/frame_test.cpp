#include "common/wire/frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

namespace inout::frame_test {
namespace {

std::string header_of(std::int64_t length) {
    std::string header;
    for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) {
        header += static_cast<char>(static_cast<std::uint64_t>(length) >> (8 * i) & 0xffU);
    }
    return header;
}

TEST(Frame, is_eight_bytes_of_little_endian_length_and_the_body) {
    EXPECT_EQ(encode_frame("{}"), std::string("\x02\0\0\0\0\0\0\0{}", 10));
    const std::string body(0x1234, 'x');
    EXPECT_EQ(encode_frame(body), std::string("\x34\x12\0\0\0\0\0\0", 8) + body);
}

TEST(Frame, length_is_read_back_from_what_was_written) {
    for (const std::size_t size : {2, 255, 256, 1'200, 16'384}) {
        const std::string frame = encode_frame(std::string(size, 'x'));
        EXPECT_EQ(frame_body_length(frame, kFrameBodyMaxBytes), size);
    }
}

TEST(Frame, body_has_at_least_two_bytes) {
    EXPECT_FALSE(frame_body_length(header_of(0), kFrameBodyMaxBytes));
    EXPECT_FALSE(frame_body_length(header_of(1), kFrameBodyMaxBytes));
    EXPECT_EQ(frame_body_length(header_of(2), kFrameBodyMaxBytes), 2U);
}

TEST(Frame, body_has_at_most_what_the_reader_allows) {
    EXPECT_EQ(frame_body_length(header_of(2'048), kFirstFrameBodyMaxBytes), 2'048U);
    EXPECT_FALSE(frame_body_length(header_of(2'049), kFirstFrameBodyMaxBytes));
    EXPECT_EQ(frame_body_length(header_of(16'384), kFrameBodyMaxBytes), 16'384U);
    EXPECT_FALSE(frame_body_length(header_of(16'385), kFrameBodyMaxBytes));
}

TEST(Frame, length_is_refused_when_negative_or_huge) {
    constexpr auto kMin = std::numeric_limits<std::int64_t>::min();
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    for (const std::int64_t length : {kMin, kMin + 2, std::int64_t{-1}, kMax}) {
        EXPECT_FALSE(frame_body_length(header_of(length), kFrameBodyMaxBytes)) << length;
    }
}

TEST(Frame, no_byte_of_the_length_is_ignored) {
    for (std::size_t i = 2; i < kFrameHeaderBytes; ++i) {
        std::string header = header_of(2);
        header[i] = 1;
        EXPECT_FALSE(frame_body_length(header, kFrameBodyMaxBytes)) << "byte " << i;
    }
}

}  // namespace
}  // namespace inout::frame_test
