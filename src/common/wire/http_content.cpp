#include "common/wire/http_content.hpp"

#include <algorithm>
#include <charconv>

#include "common/wire/http_text.hpp"

namespace inout {
namespace {

/// So many can be no overflow.
constexpr std::size_t kLengthDigits = 18, kChunkDigits = 15;

std::optional<std::uint64_t> length_of(std::string_view text) {
    std::uint64_t length = 0;
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, length);
    if (error != std::errc() || at != end || text.size() > kLengthDigits) return std::nullopt;
    return length;
}

std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
    return std::nullopt;
}

}  // namespace

std::optional<HttpContent> HttpContent::of(const HttpFields& fields) {
    const std::size_t lengths = fields.count("content-length");
    const std::size_t codings = fields.count("transfer-encoding");
    HttpContent content;
    if (lengths + codings == 0) return content;
    if (lengths + codings > 1) return std::nullopt;  // RFC 9112, 6.3 and 11.2
    if (codings == 1) {
        if (!is_same_word(fields.last("transfer-encoding"), "chunked")) return std::nullopt;
        content.state_ = State::size;
        return content;
    }
    const auto length = length_of(fields.last("content-length"));
    if (!length) return std::nullopt;
    content.left_ = *length;
    if (*length > 0) content.state_ = State::plain;
    return content;
}

std::size_t HttpContent::take(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !is_over() && !is_broken()) {
        if (state_ == State::plain || state_ == State::chunk) {
            const std::size_t now = std::min<std::uint64_t>(left_, bytes.size() - taken);
            left_ -= now;
            taken += now;
            if (left_ == 0) state_ = state_ == State::plain ? State::over : State::chunk_end;
            continue;
        }
        state_ = after(bytes[taken]);
        if (!is_broken()) ++taken;
    }
    return taken;
}

HttpContent::State HttpContent::after(char c) {
    const auto if_it_is = [c](char wanted, State next) {
        return c == wanted ? next : State::broken;
    };
    const bool is_text = is_http_line({&c, 1});
    switch (state_) {
        case State::size: return after_size(c);
        case State::extension: return is_text ? State::extension : if_it_is('\r', State::size_end);
        case State::size_end:
            digits_ = 0;
            return if_it_is('\n', left_ > 0 ? State::chunk : State::trailer_begin);
        case State::chunk_end: return if_it_is('\r', State::chunk_end_lf);
        case State::chunk_end_lf: return if_it_is('\n', State::size);
        case State::trailer_begin: return is_text ? State::trailer : if_it_is('\r', State::last_lf);
        case State::trailer: return is_text ? State::trailer : if_it_is('\r', State::trailer_end);
        case State::trailer_end: return if_it_is('\n', State::trailer_begin);
        case State::last_lf: return if_it_is('\n', State::over);
        case State::plain:
        case State::chunk:
        case State::over:
        case State::broken: break;
    }
    return State::broken;
}

HttpContent::State HttpContent::after_size(char c) {
    if (const auto digit = hex_digit(c)) {
        left_ = left_ * 16 + *digit;
        return ++digits_ > kChunkDigits ? State::broken : State::size;
    }
    if (digits_ == 0) return State::broken;
    if (c == ';' || c == ' ' || c == '\t') return State::extension;
    return c == '\r' ? State::size_end : State::broken;
}

}  // namespace inout
