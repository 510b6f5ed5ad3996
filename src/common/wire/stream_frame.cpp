#include "common/wire/stream_frame.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace inout {
namespace {

using Header = std::array<char, kStreamHeaderBytes>;

Header header(StreamFrame kind, std::size_t size) {
    return {static_cast<char>(kind), static_cast<char>(size & 0xffU),
            static_cast<char>(size >> 8U & 0xffU), static_cast<char>(size >> 16U & 0xffU)};
}

std::uint64_t little_endian(std::span<const char> bytes) {
    std::uint64_t number = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) {
        number = number << 8U | static_cast<unsigned char>(bytes[i]);
    }
    return number;
}

}  // namespace

std::array<char, kStreamHeaderBytes> data_header(std::size_t size) {
    return header(StreamFrame::data, size);
}

void append_data(std::string& out, std::string_view content) {
    while (!content.empty()) {
        const std::string_view now = content.substr(0, kStreamDataMaxBytes);
        const Header bytes = data_header(now.size());
        out.append(bytes.data(), bytes.size()).append(now);
        content.remove_prefix(now.size());
    }
}

void append_empty(std::string& out, StreamFrame kind) {
    const Header bytes = header(kind, 0);
    out.append(bytes.data(), bytes.size());
}

void append_fin(std::string& out, std::uint64_t total) {
    const Header bytes = header(StreamFrame::fin, kStreamTotalBytes);
    out.append(bytes.data(), bytes.size());
    for (std::size_t i = 0; i < kStreamTotalBytes; ++i) {
        out += static_cast<char>(total >> (8 * i) & 0xffU);
    }
}

std::size_t StreamFrameReader::take(std::span<char> bytes) {
    std::size_t content = 0, at = 0;
    while (at < bytes.size() && end_ != End::broken) {
        const std::size_t left = bytes.size() - at;
        if (raw_ || content_left_ > 0) {
            const auto size =
                raw_ ? left
                     : static_cast<std::size_t>(std::min<std::uint64_t>(left, content_left_));
            if (content != at) std::memmove(&bytes[content], &bytes[at], size);
            if (!raw_) content_left_ -= size;
            total_ += size;
            content += size;
            at += size;
        } else if (free_) {
            has_more_ = true;
            break;
        } else if (end_ != End::none && !may_free_) {
            fail("bytes behind the end");
        } else {
            // A header; or a `fin`, the length of which is known to be right.
            const std::size_t whole = partial_size_ < kStreamHeaderBytes
                                          ? kStreamHeaderBytes
                                          : kStreamHeaderBytes + kStreamTotalBytes;
            const std::size_t size = std::min(left, whole - partial_size_);
            std::memcpy(&partial_[partial_size_], &bytes[at], size);
            partial_size_ = static_cast<std::uint8_t>(partial_size_ + size);
            at += size;
            if (partial_size_ == whole) judge();
        }
    }
    return content;
}

/// What partial_ holds: a header, or a `fin`.
void StreamFrameReader::judge() {
    const std::span<const char> all(partial_);
    const std::uint64_t length = little_endian(all.subspan(1, kStreamHeaderBytes - 1));
    if (partial_size_ > kStreamHeaderBytes) {
        end_ = End::fin;
        const std::uint64_t told = little_endian(all.subspan(kStreamHeaderBytes));
        if (told != total_) fail("wrong total");
        partial_size_ = 0;
        return;
    }
    ++frames_;
    const auto kind = static_cast<StreamFrame>(partial_[0]);
    if (end_ != End::none && kind != StreamFrame::free) return fail("bytes behind the end");
    switch (kind) {
        case StreamFrame::data:
            if (length == 0 || length > kStreamDataMaxBytes) return fail("wrong length of data");
            content_left_ = length;
            break;
        case StreamFrame::fin:
            if (length != kStreamTotalBytes) return fail("wrong length");
            return;  // the total is still to come
        case StreamFrame::reset:
        case StreamFrame::raw:
        case StreamFrame::free:
            if (length != 0) return fail("wrong length");
            if (kind == StreamFrame::free && end_ == End::none) return fail("free before the end");
            if (kind == StreamFrame::reset) end_ = End::reset;
            raw_ = kind == StreamFrame::raw;
            free_ = kind == StreamFrame::free;
            break;
        default: return fail("unknown kind of frame");
    }
    partial_size_ = 0;
}

void StreamFrameReader::fail(std::string_view problem) {
    end_ = End::broken;
    problem_ = problem;
}

unsigned StreamFrameReader::take_frames() { return std::exchange(frames_, 0); }

}  // namespace inout
