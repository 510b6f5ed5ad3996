#include "common/wire/frame.hpp"

namespace inout {

std::string encode_frame(std::string_view body) {
    std::string frame;
    frame.reserve(kFrameHeaderBytes + body.size());
    for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) {
        frame += static_cast<char>(static_cast<std::uint64_t>(body.size()) >> (8 * i) & 0xffU);
    }
    frame += body;
    return frame;
}

std::optional<std::size_t> frame_body_length(std::string_view frame, std::size_t max_bytes) {
    std::uint64_t bits = 0;
    for (std::size_t i = kFrameHeaderBytes; i-- > 0;) {
        bits = bits << 8U | static_cast<unsigned char>(frame[i]);
    }
    // A negative length is a huge unsigned one and fails the same comparison.
    if (bits < kFrameBodyMinBytes || bits > max_bytes) return std::nullopt;
    return static_cast<std::size_t>(bits);
}

}  // namespace inout
