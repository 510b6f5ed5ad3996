#include "common/wire/frame_reader.hpp"

#include <algorithm>

#include "common/wire/frame.hpp"

namespace inout {
namespace {

static_assert(kFrameHeaderBytes == 8);

/// Whether this is one JSON object from its first byte to its last: only braces and texts matter.
bool is_whole_object(std::string_view text) {
    std::size_t depth = 0;
    bool in_text = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_text) {
            if (c == '\\') ++i;
            if (c == '"') in_text = false;
        } else if (c == '"') {
            in_text = true;
        } else if (c == '{') {
            ++depth;
        } else if (c == '}' && depth > 0 && --depth == 0) {
            return i + 1 == text.size();
        }
    }
    return false;
}

/// A length within our limits has zeros in its upper bytes, and JSON has none anywhere.
bool looks_like_header(std::string_view bytes) {
    return bytes.size() >= kFrameHeaderBytes &&
           bytes.substr(2, kFrameHeaderBytes - 2).find_first_not_of('\0') == std::string::npos;
}

}  // namespace

FrameReader::State FrameReader::next() {
    while (bytes_.size() >= need_) {
        if (!lengths_.empty() && !looks_like_header(bytes_)) {
            const auto [shorter, longer] = std::minmax_element(lengths_.begin(), lengths_.end());
            if (bytes_.size() < *shorter) {
                need_ = *shorter;
            } else if (lengths_.size() == 1 ||
                       is_whole_object(std::string_view(bytes_).substr(0, *shorter))) {
                return take(static_cast<std::size_t>(shorter - lengths_.begin()));
            } else if (bytes_.size() < *longer) {
                need_ = *longer;
            } else {
                return take(static_cast<std::size_t>(longer - lengths_.begin()));
            }
            continue;
        }
        const auto length =
            lengths_.size() < 2 ? frame_body_length(bytes_, max_body_bytes_) : std::nullopt;
        if (!length) return State::garbage;
        bytes_.erase(0, kHeader);
        lengths_.push_back(*length);
        // The next bytes are this body, or the other header and then at least as many.
        need_ = *std::min_element(lengths_.begin(), lengths_.end());
    }
    return State::incomplete;
}

FrameReader::State FrameReader::take(std::size_t which) {
    body_ = bytes_.substr(0, lengths_[which]);
    bytes_.erase(0, lengths_[which]);
    lengths_.erase(lengths_.begin() + static_cast<std::ptrdiff_t>(which));
    need_ = lengths_.empty() ? kHeader : lengths_.front();
    return State::body;
}

}  // namespace inout
