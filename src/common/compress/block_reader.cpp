#include "common/compress/block_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace inout {
namespace {

using Memory = std::unique_ptr<char[]>;

/// What a thread's readers read into, 64 KiB at most: each gives it back as soon as it has read all
/// that is there, mostly at once, and holds it only for a reader that takes its time.
class SpareRoom {
  public:
    Memory take() {
        if (size_ > 0) return std::move(spares_[--size_]);
        return std::make_unique_for_overwrite<char[]>(kBlockContentMax);
    }
    void give_back(Memory room) {
        if (size_ < spares_.size()) spares_[size_++] = std::move(room);
    }

  private:
    std::array<Memory, 4> spares_;
    std::size_t size_ = 0;
};

thread_local SpareRoom spare_room;

}  // namespace

std::span<char> BlockReader::room() {
    if (!block_) {
        block_ = spare_room.take();
        size_ = kBlockContentMax;
    }
    return {block_.get(), size_};
}

void BlockReader::filled(std::size_t bytes) {
    begin_ = 0;
    end_ = bytes;
    if (bytes == 0) take(0);
}

void BlockReader::give(std::string_view bytes) {
    if (bytes.empty()) return;
    size_ = std::max(bytes.size(), kBlockContentMax);
    block_ = std::make_unique_for_overwrite<char[]>(size_);
    std::ranges::copy(bytes, block_.get());
    filled(bytes.size());
}

void BlockReader::take(std::size_t bytes) {
    begin_ += bytes;
    if (begin_ != end_) return;
    Memory over = std::move(block_);
    if (size_ == kBlockContentMax) spare_room.give_back(std::move(over));
    begin_ = end_ = size_ = 0;
}

std::size_t BlockReader::read(std::span<char> into) {
    std::size_t got = 0;
    while (got < into.size() && !is_broken()) {
        const auto rest = into.subspan(got);
        if (plain_ > 0) {
            if (begin_ == end_) break;
            got += read_plain(rest, plain_);
        } else if (!in_block_) {
            if (begin_ == end_) break;
            begin_block();
        } else if (kind_ == BlockKind::stored) {
            if (begin_ == end_) break;
            got += read_plain(rest, left_);
            in_block_ = left_ > 0;
        } else {
            if (begin_ == end_ && !may_hold_) break;
            got += read_frame(rest);
        }
    }
    return got;
}

void BlockReader::begin_block() {
    const std::size_t now = std::min(kBlockHeaderBytes - header_size_, end_ - begin_);
    std::copy_n(held().begin(), now, header_.begin() + header_size_);
    header_size_ += now;
    take(now);
    if (header_size_ < kBlockHeaderBytes) return;
    header_size_ = 0;
    ++blocks_;
    kind_ = static_cast<BlockKind>(header_[0]);
    left_ = block_size(header_);
    content_ = 0;
    switch (kind_) {
        case BlockKind::stored:
            if (left_ == 0 || left_ > kBlockContentMax) return break_off("a block of wrong length");
            break;
        case BlockKind::zstd:
            if (left_ == 0 || left_ > kBlockZstdMax) return break_off("a block of wrong length");
            if (!frame_) frame_.emplace();
            break;
        case BlockKind::end:
            if (left_ != 0) return break_off("a block of wrong length");
            if (!frame_) return break_off("the end of no frame");
            frame_.reset();
            return;
        default: return break_off("a block of unknown kind");
    }
    in_block_ = true;
}

std::size_t BlockReader::read_plain(std::span<char> into, std::size_t& left) {
    const std::size_t now = std::min({left, into.size(), end_ - begin_});
    std::copy_n(held().begin(), now, into.begin());
    left -= now;
    take(now);
    return now;
}

std::size_t BlockReader::read_frame(std::span<char> into) {
    // One byte more than may come tells a block that has too much.
    into = into.first(std::min(into.size(), kBlockContentMax - content_ + 1));
    const auto [taken, given, problem] = frame_->read(held().substr(0, left_), into);
    left_ -= taken;
    take(taken);
    content_ += given;
    may_hold_ = given == into.size();
    if (problem != nullptr) {
        break_off(problem);
        return 0;
    }
    if (content_ > kBlockContentMax) {
        break_off("a block with too much content");
        return 0;
    }
    if (left_ == 0 && !may_hold_) {
        in_block_ = false;
        if (content_ == 0) break_off("a block without content");
    }
    return given;
}

void BlockReader::break_off(std::string_view problem) {
    problem_ = problem;
    frame_.reset();
    may_hold_ = false;
    take(end_ - begin_);
}

unsigned BlockReader::take_blocks() { return std::exchange(blocks_, 0); }

}  // namespace inout
