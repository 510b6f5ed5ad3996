// The blocks in which a compressed direction of a stream travels (docs/protocol.md, "Compression").
//
// A kind, a length, and what follows: content as it is, or a piece of the direction's running frame
// of zstd, or the word that this frame is over. Pure; constants and values.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace inout {

enum class BlockKind : char {
    stored = 'S',
    zstd = 'Z',
    end = 'E',  ///< of the frame: both sides let its memory go
};

/// A kind and 24 bits, little-endian.
inline constexpr std::size_t kBlockHeaderBytes = 4;
/// Content of one block; so a small one can not become much.
inline constexpr std::size_t kBlockContentMax = 16'384;
/// What follows the header of one of zstd: content that does not shrink, and what zstd puts around
/// it (ZSTD_compressBound, and the frame's header).
inline constexpr std::size_t kBlockZstdMax = kBlockContentMax + 256;
/// A block of the most content, with the end of its frame behind it.
inline constexpr std::size_t kBlockBytesMax = 2 * kBlockHeaderBytes + kBlockZstdMax;

/// The base-2 logarithm of the window of a frame: 16 KiB. Larger ones are refused.
inline constexpr int kZstdWindowLog = 14;

using BlockHeader = std::array<char, kBlockHeaderBytes>;

constexpr BlockHeader block_header(BlockKind kind, std::size_t size) {
    return {static_cast<char>(kind), static_cast<char>(size & 0xff),
            static_cast<char>((size >> 8) & 0xff), static_cast<char>((size >> 16) & 0xff)};
}
constexpr std::size_t block_size(const BlockHeader& header) {
    const auto byte = [&](std::size_t at) {
        return static_cast<std::size_t>(static_cast<unsigned char>(header[at]));
    };
    return byte(1) | byte(2) << 8 | byte(3) << 16;
}

}  // namespace inout
