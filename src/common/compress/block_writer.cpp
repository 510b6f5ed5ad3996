#include "common/compress/block_writer.hpp"

#include <algorithm>

#include "common/compress/block.hpp"

namespace inout {
namespace {

std::size_t put_header(BlockKind kind, std::size_t size, std::span<char> into) {
    const BlockHeader header = block_header(kind, size);
    std::copy(header.begin(), header.end(), into.begin());
    return header.size();
}

}  // namespace

std::string_view BlockWriter::make(std::string_view content, std::span<char> into) {
    if (!frame_ && wants_frame(content.size())) frame_.emplace();
    if (!frame_) {
        const std::size_t header = put_header(BlockKind::stored, content.size(), into);
        std::ranges::copy(content, into.subspan(header).begin());
        return {into.data(), header + content.size()};
    }
    const std::size_t size = frame_->write(content, into.subspan(kBlockHeaderBytes));
    std::size_t made = put_header(BlockKind::zstd, size, into) + size;
    if (!is_worth_it(content.size(), made)) {
        made += end_frame(into.subspan(made)).size();
        skip_ = skip_next_;
        skip_next_ = std::min(2 * skip_next_, kSkipMax);
    }
    return {into.data(), made};
}

std::string_view BlockWriter::end_frame(std::span<char> into) {
    if (!frame_) return {};
    frame_.reset();
    small_ = tried_ = made_ = 0;
    return {into.data(), put_header(BlockKind::end, 0, into)};
}

bool BlockWriter::wants_frame(std::size_t size) {
    if (skip_ > 0) {
        skip_ -= std::min(skip_, size);
        return false;
    }
    small_ = std::min(small_ + size, kSmall);
    return small_ == kSmall && zstd_writers() < kFramesMax;
}

/// Of a frame whose last block was this.
bool BlockWriter::is_worth_it(std::size_t content, std::size_t made) {
    tried_ += content;
    made_ += made;
    if (tried_ < kTried) return true;
    const bool worth_it = made_ + tried_ / kSavedShare <= tried_;
    if (worth_it) skip_next_ = kSkipFirst;
    tried_ = made_ = 0;
    return worth_it;
}

}  // namespace inout
