#include "common/compress/zstd_stream.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <array>
#include <atomic>
#include <cstring>
#include <new>

#include "common/compress/block.hpp"
#include "common/os/heap.hpp"

namespace inout {
namespace {

/// ZSTD_MAGICNUMBER, little-endian (RFC 8878, 3.1.1).
constexpr std::string_view kFrameMagic = "\x28\xb5\x2f\xfd";
/// With so small a window a log shrinks as much as at zstd's default (3), which takes 920 kB
/// instead of 200, and a third more time.
constexpr int kZstdLevel = 1;

std::atomic<std::size_t> writers_alive{0}, readers_alive{0};

/// Contexts of a thread for its next frames, at most 2 MB: to get memory for both sides of a frame
/// takes 50 µs, to use it again 2.
template <class Context, std::size_t (*kFree)(Context*)>
class SpareContexts {
  public:
    SpareContexts() = default;
    SpareContexts(const SpareContexts&) = delete;
    SpareContexts& operator=(const SpareContexts&) = delete;
    ~SpareContexts() {
        while (size_ > 0) kFree(spares_[--size_]);
    }
    /// Nothing: there is none.
    Context* take() { return size_ > 0 ? spares_[--size_] : nullptr; }
    void give_back(Context* context) {
        if (size_ < spares_.size()) {
            spares_[size_++] = context;
        } else {
            kFree(context);
        }
    }

  private:
    std::array<Context*, 4> spares_{};
    std::size_t size_ = 0;
};

/// Their memory has to go when they do: hundreds may be used at once, and then none.
void expect_contexts() {
    static const bool done = (give_back_large_blocks(), true);
    static_cast<void>(done);
}

thread_local SpareContexts<ZSTD_CCtx, ZSTD_freeCCtx> spare_writers;
thread_local SpareContexts<ZSTD_DCtx, ZSTD_freeDCtx> spare_readers;

}  // namespace

std::size_t zstd_writers() { return writers_alive.load(std::memory_order_relaxed); }
std::size_t zstd_readers() { return readers_alive.load(std::memory_order_relaxed); }

ZstdWriter::ZstdWriter() : context_(spare_writers.take()) {
    expect_contexts();
    if (context_ == nullptr) context_ = ZSTD_createCCtx();
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_CCtx_reset(context_, ZSTD_reset_session_only);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kZstdWindowLog);
    ++writers_alive;
}

ZstdWriter::~ZstdWriter() {
    spare_writers.give_back(context_);
    --writers_alive;
}

std::size_t ZstdWriter::write(std::string_view content, std::span<char> into) {
    // The magic number comes with the first bytes.
    char first[kFrameMagic.size() + kBlockZstdMax];
    const std::span<char> room = began_ ? into : std::span<char>(first);
    ZSTD_inBuffer in{content.data(), content.size(), 0};
    ZSTD_outBuffer out{room.data(), room.size(), 0};
    const std::size_t left = ZSTD_compressStream2(context_, &out, &in, ZSTD_e_flush);
    // Room there is: what is left to fail is memory.
    if (left != 0 || in.pos != in.size) throw std::bad_alloc();
    if (began_) return out.pos;
    began_ = true;
    std::memcpy(into.data(), first + kFrameMagic.size(), out.pos - kFrameMagic.size());
    return out.pos - kFrameMagic.size();
}

ZstdReader::ZstdReader() : context_(spare_readers.take()) {
    expect_contexts();
    if (context_ == nullptr) context_ = ZSTD_createDCtx();
    if (context_ == nullptr) throw std::bad_alloc();
    ZSTD_DCtx_reset(context_, ZSTD_reset_session_only);
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLog);
    ZSTD_inBuffer in{kFrameMagic.data(), kFrameMagic.size(), 0};
    ZSTD_outBuffer out{nullptr, 0, 0};
    ZSTD_decompressStream(context_, &out, &in);
    ++readers_alive;
}

ZstdReader::~ZstdReader() {
    spare_readers.give_back(context_);
    --readers_alive;
}

ZstdReader::Step ZstdReader::read(std::string_view bytes, std::span<char> into) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const std::size_t result = ZSTD_decompressStream(context_, &out, &in);
    Step step{in.pos, out.pos, nullptr};
    if (ZSTD_isError(result) != 0) {
        if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) throw std::bad_alloc();
        step.problem = ZSTD_getErrorName(result);
    } else if (result == 0) {
        step.problem = "a frame that ends by itself";
    }
    return step;
}

}  // namespace inout
