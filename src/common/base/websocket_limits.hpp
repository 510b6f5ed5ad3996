// The bounds of WebSocket (RFC 6455), each with its unit and its reason. Constants only.
#pragma once

#include <cstddef>

#include "common/base/limits.hpp"

namespace inout {

/// A frame's header: two bytes, eight of a length, four of a mask (RFC 6455, 5.2).
inline constexpr std::size_t kWebSocketHeaderMaxBytes = 14;
/// What a control frame carries at most (5.5).
inline constexpr std::size_t kWebSocketControlMaxBytes = 125;
/// What one of our frames carries at most: a frame of a stream and what may stand before it, so
/// that both leave together.
inline constexpr std::size_t kWebSocketDataMaxBytes = kStreamDataMaxBytes + 64;
/// Of the headers of our own frames, for what is charged for bytes.
inline constexpr std::size_t kWebSocketOverhead = 4, kWebSocketMaskBytes = 4;
/// The path of a URL.
inline constexpr std::size_t kWebSocketPathMaxBytes = 256;
/// Pings that wait for their answers, in bytes: more of them are not answered, which 5.5.3 allows.
inline constexpr std::size_t kWebSocketPingsMaxBytes = 2'048;
/// Frames without content in a row that one read goes through: those of four days at one Ping in
/// kWebSocketPing, which a reader that has paused for so long has before it.
inline constexpr unsigned kWebSocketIdleFramesMax = 16'384;
/// What was sent longer ago than this is followed by a Ping: nginx, HAProxy's usual configuration
/// and the balancers of the clouds end what is silent for 60 s. Never two of them closer than
/// Apart.
inline constexpr Milliseconds kWebSocketPing{25'000}, kWebSocketPingApart{1'000};

}  // namespace inout
