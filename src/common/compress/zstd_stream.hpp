// The door to libzstd: one running frame, written or read, each flush of which can be read at once.
//
// The frame's magic number does not travel: both sides know it, and so nothing else than a frame of
// today's format is ever read (no older format, nothing that is to be skipped). 200 kB for a
// writer and 280 kB for a reader, from the first byte until it is destroyed; a thread keeps that of
// four of each for the next ones. Pure; one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

// libzstd's names for its contexts.
struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace inout {

class ZstdWriter {
  public:
    /// Begins a frame. Throws std::bad_alloc.
    ZstdWriter();
    ~ZstdWriter();
    ZstdWriter(const ZstdWriter&) = delete;
    ZstdWriter& operator=(const ZstdWriter&) = delete;

    /// Writes what `content`, at most kBlockContentMax, has become to `into`, which has room for
    /// kBlockZstdMax: how many bytes. The reader of these has all of it.
    std::size_t write(std::string_view content, std::span<char> into);

  private:
    ZSTD_CCtx_s* context_;
    bool began_ = false;
};

class ZstdReader {
  public:
    /// Awaits a frame. Throws std::bad_alloc, as read() does.
    ZstdReader();
    ~ZstdReader();
    ZstdReader(const ZstdReader&) = delete;
    ZstdReader& operator=(const ZstdReader&) = delete;

    struct Step {
        std::size_t taken = 0, given = 0;
        const char* problem = nullptr;  ///< words of zstd's or ours, for good; nothing: fine
    };
    /// Takes of `bytes`, and gives content. Where it fills `into`, more may be held.
    Step read(std::string_view bytes, std::span<char> into);

  private:
    ZSTD_DCtx_s* context_;
};

/// How many of each there are now, in the whole program.
std::size_t zstd_writers();
std::size_t zstd_readers();  // only tests

}  // namespace inout
