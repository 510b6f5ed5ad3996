// Frames of a stream as a peer writes them by hand.
#pragma once

#include <string>
#include <string_view>

#include "common/wire/stream_frame.hpp"

namespace inout::frames {

inline std::string data(std::string_view content) {
    std::string bytes;
    append_data(bytes, content);
    return bytes;
}
inline std::string fin(std::uint64_t total) {
    std::string bytes;
    append_fin(bytes, total);
    return bytes;
}
inline std::string only(StreamFrame kind) {
    std::string bytes;
    append_empty(bytes, kind);
    return bytes;
}
inline std::string free() { return only(StreamFrame::free); }
inline std::string reset() { return only(StreamFrame::reset); }
inline std::string raw() { return only(StreamFrame::raw); }

}  // namespace inout::frames
