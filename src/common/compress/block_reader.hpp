// BlockReader: takes the content out of blocks that come in pieces of any size.
//
// Its peer may be anybody: a block has no more content than kBlockContentMax and none is empty, a
// frame's window is no larger than ours, and content is made only as its reader has room for it. It
// holds memory for what comes while something is there, which its thread keeps for the next one,
// and a frame from its first byte to the block that ends it. Pure; on its layer's thread.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/compress/block.hpp"
#include "common/compress/zstd_stream.hpp"

namespace inout {

class BlockReader {
  public:
    /// The first `plain` bytes are no blocks, but content as it is.
    explicit BlockReader(std::size_t plain = 0) : plain_(plain) {}

    /// All that was given has been read, and nothing can come without more.
    bool needs_input() const { return begin_ == end_ && !may_hold_ && !is_broken(); }
    /// Where the next bytes go, when it needs_input(); then says how many there are.
    std::span<char> room();
    void filled(std::size_t bytes);
    /// The same with bytes that were read by others before.
    void give(std::string_view bytes);

    /// The next content, as much as there is and `into` takes; 0: it needs_input(), or is_broken().
    /// Throws std::bad_alloc, and the direction can not go on.
    std::size_t read(std::span<char> into);

    /// No block has begun that has not ended.
    bool is_between_blocks() const { return plain_ == 0 && !in_block_ && header_size_ == 0; }
    bool is_broken() const { return !problem_.empty(); }
    const std::string& problem() const { return problem_; }
    bool has_frame() const { return frame_.has_value(); }
    /// Blocks since the last call.
    unsigned take_blocks();

  private:
    std::string_view held() const { return {block_.get() + begin_, end_ - begin_}; }
    void take(std::size_t bytes);
    void begin_block();
    std::size_t read_plain(std::span<char> into, std::size_t& left);
    std::size_t read_frame(std::span<char> into);
    void break_off(std::string_view problem);

    std::unique_ptr<char[]> block_;
    std::size_t size_ = 0, begin_ = 0, end_ = 0;  // of that
    std::size_t plain_;                           // still to come
    BlockHeader header_{};
    std::size_t header_size_ = 0;  // of it that have come
    bool in_block_ = false;
    BlockKind kind_ = BlockKind::stored;
    std::size_t left_ = 0, content_ = 0;  // of the block: still to come; given so far
    bool may_hold_ = false;               // the frame has filled all the room that it was given
    std::optional<ZstdReader> frame_;
    unsigned blocks_ = 0;
    std::string problem_;
};

}  // namespace inout
