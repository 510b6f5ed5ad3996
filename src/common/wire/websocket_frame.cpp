#include "common/wire/websocket_frame.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/utf8.hpp"

namespace inout {
namespace {

constexpr unsigned kFinal = 0x80, kReserved = 0x70, kOpcodeBits = 0x0f;
constexpr unsigned kMasked = 0x80, kLengthBits = 0x7f;
constexpr std::uint64_t kLength16 = 126, kLength64 = 127;
constexpr unsigned kControlBit = 8;

unsigned byte_of(char c) { return static_cast<unsigned char>(c); }

bool is_control(WebSocketOpcode opcode) {
    return (static_cast<unsigned>(opcode) & kControlBit) != 0;
}

std::uint64_t big_endian(std::string_view bytes) {
    std::uint64_t number = 0;
    for (const char c : bytes) number = number << 8U | byte_of(c);
    return number;
}

/// The mask as it lies over content from this offset, twice: a word.
std::uint64_t mask_word(const WebSocketMask& mask, std::uint64_t offset) {
    std::array<char, sizeof(std::uint64_t)> turned;
    for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = mask[(offset + i) % mask.size()];
    std::uint64_t word = 0;
    std::memcpy(&word, turned.data(), sizeof word);
    return word;
}

/// A whole number of words at a time, which the compiler makes the widest instructions of.
void mask_into(char* to, const char* from, std::size_t size, const WebSocketMask& mask,
               std::uint64_t offset) {
    const std::uint64_t over = mask_word(mask, offset);
    std::size_t at = 0;
    for (; at + sizeof over <= size; at += sizeof over) {
        std::uint64_t word = 0;
        std::memcpy(&word, from + at, sizeof word);
        word ^= over;
        std::memcpy(to + at, &word, sizeof word);
    }
    for (; at < size; ++at) {
        to[at] = static_cast<char>(from[at] ^ mask[(offset + at) % mask.size()]);
    }
}

/// Which a peer may say (RFC 6455, 7.4; 1012 to 1014 are IANA's).
bool is_sayable(std::uint64_t status) {
    if (status >= 3'000 && status < 5'000) return true;
    return status >= 1'000 && status <= 1'014 && status != 1'004 && status != 1'005 &&
           status != 1'006;
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto next = first_code_point(text);
        if (next.bytes == 0) return false;
        text.remove_prefix(next.bytes);
    }
    return true;
}

}  // namespace

WebSocketHeader websocket_header(WebSocketOpcode opcode, std::uint64_t size,
                                 const std::optional<WebSocketMask>& mask) {
    WebSocketHeader header;
    const auto put = [&](std::uint64_t byte) {
        header.bytes[header.size++] = static_cast<char>(byte & 0xffU);
    };
    const unsigned masked = mask ? kMasked : 0;
    put(kFinal | static_cast<unsigned>(opcode));
    if (size < kLength16) {
        put(masked | size);
    } else if (size <= 0xffff) {
        put(masked | kLength16);
        put(size >> 8U);
        put(size);
    } else {
        put(masked | kLength64);
        for (unsigned shift = 64; shift > 0; shift -= 8) put(size >> (shift - 8));
    }
    if (mask) {
        std::copy(mask->begin(), mask->end(), header.bytes.begin() + header.size);
        header.size += mask->size();
    }
    return header;
}

void append_control(std::string& out, WebSocketOpcode opcode, std::string_view content,
                    const std::optional<WebSocketMask>& mask) {
    out += websocket_header(opcode, content.size(), mask).view();
    out += content;
    if (mask) apply_mask(std::span(out).last(content.size()), *mask);
}

std::string close_content(WebSocketStatus status, std::string_view reason) {
    const auto code = static_cast<unsigned>(status);
    std::string content{static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)};
    content += reason.substr(0, kWebSocketControlMaxBytes - content.size());
    return content;
}

void apply_mask(std::span<char> bytes, const WebSocketMask& mask, std::uint64_t offset) {
    mask_into(bytes.data(), bytes.data(), bytes.size(), mask, offset);
}

void copy_masked(char* to, std::string_view from, const WebSocketMask& mask) {
    mask_into(to, from.data(), from.size(), mask, 0);
}

std::size_t WebSocketReader::take(std::span<char> bytes) {
    std::size_t content = 0, at = 0;
    while (at < bytes.size() && end_ == End::none) {
        if (!in_content_) {
            std::string_view rest(bytes.data() + at, bytes.size() - at);
            const std::size_t before = rest.size();
            const bool whole = read_header(rest);
            at += before - rest.size();
            if (!whole || !begin_frame()) continue;
        }
        const auto size =
            static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
        const std::span<char> now = bytes.subspan(at, size);
        if (is_control(opcode_)) {
            read_control(now);
        } else if (from_client_) {
            // Never behind what is read: content moves to the front only.
            mask_into(bytes.data() + content, now.data(), size, mask_, offset_);
            content += size;
        } else {
            if (content != at) std::memmove(bytes.data() + content, now.data(), size);
            content += size;
        }
        at += size;
        left_ -= size;
        offset_ += size;
        if (left_ > 0) continue;
        in_content_ = false;
        if (is_control(opcode_)) {
            end_control();
        } else {
            in_message_ = !is_last_;
        }
    }
    return content;
}

/// Takes what the header still lacks. True: it is whole.
bool WebSocketReader::read_header(std::string_view& bytes) {
    while (header_size_ < header_whole_ && !bytes.empty()) {
        header_[header_size_++] = bytes.front();
        bytes.remove_prefix(1);
        if (header_size_ == 2 && !judge_first()) return false;
    }
    return header_size_ == header_whole_;
}

/// By the first two bytes: what may come at all, and how long the header is.
bool WebSocketReader::judge_first() {
    using enum WebSocketStatus;
    ++frames_;
    const unsigned first = byte_of(header_[0]), second = byte_of(header_[1]);
    const std::uint64_t length = second & kLengthBits;
    opcode_ = static_cast<WebSocketOpcode>(first & kOpcodeBits);
    is_last_ = (first & kFinal) != 0;
    if ((first & kReserved) != 0) return fail(protocol_error, "reserved bits are set");
    switch (opcode_) {
        case WebSocketOpcode::continuation:
            if (!in_message_) return fail(protocol_error, "a continuation of nothing");
            break;
        case WebSocketOpcode::text:
        case WebSocketOpcode::binary:
            if (in_message_) return fail(protocol_error, "a message within another");
            if (opcode_ == WebSocketOpcode::text) return fail(unsupported_data, "a text message");
            break;
        case WebSocketOpcode::close:
        case WebSocketOpcode::ping:
        case WebSocketOpcode::pong:
            if (!is_last_) return fail(protocol_error, "a control frame in fragments");
            if (length >= kLength16) return fail(protocol_error, "a control frame is too long");
            break;
        default: return fail(protocol_error, "a reserved opcode");
    }
    if (((second & kMasked) != 0) != from_client_) {
        return fail(protocol_error, from_client_ ? "a client's frame without a mask"
                                                 : "a server's frame with a mask");
    }
    const std::size_t more = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
    header_whole_ = static_cast<std::uint8_t>(2 + more + (from_client_ ? kWebSocketMaskBytes : 0));
    return true;
}

/// The header is whole. False: the frame's content is not read, because of what it is.
bool WebSocketReader::begin_frame() {
    using enum WebSocketStatus;
    const std::string_view header(header_.data(), header_whole_);
    left_ = byte_of(header[1]) & kLengthBits;
    if (left_ == kLength16) {
        left_ = big_endian(header.substr(2, 2));
        if (left_ < kLength16)
            return fail(protocol_error, "a length that is not in its shortest form");
    } else if (left_ == kLength64) {
        left_ = big_endian(header.substr(2, 8));
        if (left_ <= 0xffff)
            return fail(protocol_error, "a length that is not in its shortest form");
        if (left_ >> 63U != 0) return fail(protocol_error, "a length above 63 bits");
    }
    if (from_client_) {
        std::copy(header.end() - mask_.size(), header.end(), mask_.begin());
    }
    header_size_ = 0;
    header_whole_ = 2;
    offset_ = 0;
    control_size_ = 0;
    in_content_ = true;
    return true;
}

void WebSocketReader::read_control(std::span<char> bytes) {
    const std::span<char> into = std::span(control_).subspan(control_size_, bytes.size());
    std::copy(bytes.begin(), bytes.end(), into.begin());
    if (from_client_) apply_mask(into, mask_, offset_);
    control_size_ = static_cast<std::uint8_t>(control_size_ + bytes.size());
}

void WebSocketReader::end_control() {
    const std::string_view content(control_.data(), control_size_);
    if (opcode_ == WebSocketOpcode::close) {
        judge_close(content);
    } else if (opcode_ == WebSocketOpcode::ping &&
               pings_.size() + 1 + content.size() <= kWebSocketPingsMaxBytes) {
        pings_ += static_cast<char>(content.size());
        pings_ += content;
    }
}

void WebSocketReader::judge_close(std::string_view content) {
    using enum WebSocketStatus;
    if (content.size() == 1) {
        fail(protocol_error, "a Close frame with half a status");
    } else if (content.size() > 1 && !is_sayable(big_endian(content.substr(0, 2)))) {
        fail(protocol_error, "a Close frame with a status that nobody says");
    } else if (content.size() > 2 && !is_utf8(content.substr(2))) {
        fail(invalid_text, "a Close frame with a reason that is not UTF-8");
    } else {
        end_ = End::closed;
    }
}

bool WebSocketReader::fail(WebSocketStatus status, std::string_view problem) {
    end_ = End::broken;
    status_ = status;
    problem_ = problem;
    return false;
}

std::optional<std::string> WebSocketReader::next_ping() {
    if (pings_.empty()) return std::nullopt;
    const std::size_t size = byte_of(pings_[0]);
    std::string content = pings_.substr(1, size);
    pings_.erase(0, 1 + size);
    return content;
}

unsigned WebSocketReader::take_frames() { return std::exchange(frames_, 0); }

}  // namespace inout
