// A frame: 8 bytes, signed 64-bit little-endian, the length of the JSON body that follows.
//
// docs/protocol.md, "Frame". Pure functions; no I/O.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"

namespace inout {

/// The frame for this body, header and body in one string, because it must leave in one write.
std::string encode_frame(std::string_view body);

/// The length of the body of the frame that begins with these kFrameHeaderBytes, or more; nothing
/// if it is below kFrameBodyMinBytes or above `max_bytes`. Checked before anything is allocated: a
/// length comes from a stranger.
std::optional<std::size_t> frame_body_length(std::string_view frame, std::size_t max_bytes);

}  // namespace inout
