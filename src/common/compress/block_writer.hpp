// BlockWriter: makes blocks of one direction's content, and decides what is worth compressing.
//
// Each block is complete: whoever has it has its content, so that nothing waits. What does not
// shrink goes as it is, and is tried again from time to time. Holds nothing but a frame of zstd,
// from the first content that is worth one until end_frame(). Pure; on its layer's thread.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "common/compress/zstd_stream.hpp"

namespace inout {

class BlockWriter {
  public:
    /// The block of `content`, 1 to kBlockContentMax bytes, in `into`, which has kBlockBytesMax.
    /// Throws std::bad_alloc, and the direction can not go on.
    std::string_view make(std::string_view content, std::span<char> into);
    /// Lets the memory go; the block that says so, empty if there is none to go.
    std::string_view end_frame(std::span<char> into);
    bool has_frame() const { return frame_.has_value(); }

    /// Without a frame so many bytes go as they are before one is begun, unless more come at once:
    /// a keystroke is not worth it.
    static constexpr std::size_t kSmall = 512;
    /// After so much content it is judged; a frame that has saved less than a sixteenth ends.
    static constexpr std::size_t kTried = 65'536, kSavedShare = 16;
    /// So much goes as it is then, and twice as much each time that it has not helped, to the most.
    static constexpr std::size_t kSkipFirst = 1'048'576, kSkipMax = 16'777'216;
    /// Frames that the program writes at once, 200 MB; beyond, content goes as it is.
    static constexpr std::size_t kFramesMax = 1'024;

  private:
    bool wants_frame(std::size_t size);
    bool is_worth_it(std::size_t content, std::size_t made);

    std::optional<ZstdWriter> frame_;
    std::size_t small_ = 0;             // since there is no frame
    std::size_t tried_ = 0, made_ = 0;  // content of the frame since it was judged, and blocks
    std::size_t skip_ = 0;              // what goes as it is before the next frame
    std::size_t skip_next_ = kSkipFirst;
};

}  // namespace inout
