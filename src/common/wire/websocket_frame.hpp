// The frames of WebSocket (RFC 6455, 5), by which bytes go through what speaks only HTTP.
//
// Bytes are carried in binary messages, whose borders mean nothing: a reader puts what comes, in
// frames and fragments of any size, one after the other. No extensions. Pure functions and values;
// no I/O, no clock, no randomness.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/websocket_limits.hpp"

namespace inout {

/// Who asked for the connection masks what it sends (5.1).
enum class WebSocketRole : std::uint8_t { client, server };

enum class WebSocketOpcode : std::uint8_t {
    continuation = 0,
    text = 1,
    binary = 2,
    close = 8,
    ping = 9,
    pong = 10,
};

/// Why a connection ends (7.4.1).
enum class WebSocketStatus : std::uint16_t {
    normal = 1'000,
    protocol_error = 1'002,
    unsupported_data = 1'003,
    invalid_text = 1'007,
    policy_violation = 1'008,
};

using WebSocketMask = std::array<char, kWebSocketMaskBytes>;

struct WebSocketHeader {
    std::array<char, kWebSocketHeaderMaxBytes> bytes{};
    std::size_t size = 0;

    std::string_view view() const { return {bytes.data(), size}; }
};

/// Of a whole message of one frame with `size` bytes, its length in the shortest form.
WebSocketHeader websocket_header(WebSocketOpcode opcode, std::uint64_t size,
                                 const std::optional<WebSocketMask>& mask);
/// A whole control frame, appended to `out`; `content` has at most kWebSocketControlMaxBytes.
void append_control(std::string& out, WebSocketOpcode opcode, std::string_view content,
                    const std::optional<WebSocketMask>& mask);
/// What a Close frame carries.
std::string close_content(WebSocketStatus status, std::string_view reason = {});

/// Masks, or takes the mask away (5.3). `offset`: where in the frame's content `bytes` begin.
void apply_mask(std::span<char> bytes, const WebSocketMask& mask, std::uint64_t offset = 0);
/// The same on the way from one place to another.
void copy_masked(char* to, std::string_view from, const WebSocketMask& mask);

/// What the peer says, as it comes in pieces of any size.
class WebSocketReader {
  public:
    /// `role`: that of who reads.
    explicit WebSocketReader(WebSocketRole role) : from_client_(role == WebSocketRole::server) {}

    enum class End : std::uint8_t {
        none,    ///< more may come
        closed,  ///< by a Close frame
        broken,  ///< against the rules; see problem() and status(). For good
    };
    /// Takes the next bytes in place: moves their content, unmasked, to the front of them and
    /// returns its size. Behind a Close frame nothing counts any more. Allocates for Pings only.
    std::size_t take(std::span<char> bytes);

    End end() const { return end_; }
    /// For the log, empty if nothing is wrong; and what is to be said to the peer.
    std::string_view problem() const { return problem_; }
    WebSocketStatus status() const { return status_; }
    /// The next Ping that no Pong has answered yet: its content, which is forgotten then.
    std::optional<std::string> next_ping();
    /// Headers that were read since the last call, for the turn of who reads (Turn).
    unsigned take_frames();
    unsigned frames() const { return frames_; }

  private:
    bool read_header(std::string_view& bytes);
    bool judge_first();
    bool begin_frame();
    void read_control(std::span<char> bytes);
    void end_control();
    void judge_close(std::string_view content);
    bool fail(WebSocketStatus status, std::string_view problem);

    const bool from_client_;
    End end_ = End::none;
    bool in_message_ = false, in_content_ = false;
    std::array<char, kWebSocketHeaderMaxBytes> header_{};
    std::uint8_t header_size_ = 0, header_whole_ = 2;
    WebSocketOpcode opcode_{};
    bool is_last_ = false;
    WebSocketMask mask_{};
    std::uint64_t left_ = 0, offset_ = 0;  // of the frame's content
    std::array<char, kWebSocketControlMaxBytes> control_{};
    std::uint8_t control_size_ = 0;
    std::string pings_;  // each behind a byte that says how long it is
    unsigned frames_ = 0;
    WebSocketStatus status_ = WebSocketStatus::normal;
    std::string_view problem_;
};

}  // namespace inout
