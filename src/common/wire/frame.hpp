// A frame: 8 bytes, signed 64-bit little-endian, the length of the JSON body that follows.
//
// docs/protocol.md, "Frame". Pure functions; no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"

namespace inout {

using FrameHeader = std::array<char, kFrameHeaderBytes>;

/// The frame for this body, header and body in one string, because it must leave in one write.
std::string encode_frame(std::string_view body);

/// The body's length, or nothing if it is below kFrameBodyMinBytes or above `max_bytes`. Checked
/// before anything is allocated: a length comes from a stranger.
std::optional<std::size_t> frame_body_length(const FrameHeader& header, std::size_t max_bytes);

}  // namespace inout
