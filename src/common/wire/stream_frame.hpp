// The frames of a stream on a connection that carries one stream after another.
//
// Each direction of the stream is a row of frames: `data` with 1 to kStreamDataMaxBytes bytes, and
// at last one `fin`, which carries how many bytes the direction had, or one `reset`. `raw` instead:
// all that follows on the connection are the direction's bytes. Behind the end of its own direction
// the side that was asked for the stream says `free`, and the connection is between streams again.
// docs/protocol.md, "Frames of a stream". Pure functions and values; no I/O.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"

namespace inout {

/// The first byte of a frame's header; its other three are the length of what follows,
/// little-endian.
enum class StreamFrame : char {
    data = 'D',
    fin = 'F',    ///< the direction has ended; 8 bytes: its total, little-endian
    reset = 'R',  ///< the stream was reset; 0 bytes
    raw = 'W',    ///< no frames from here on; 0 bytes
    free = 'P',   ///< another stream may follow; 0 bytes
};

/// The header of a `data` frame with `size` bytes, 1 to kStreamDataMaxBytes.
std::array<char, kStreamHeaderBytes> data_header(std::size_t size);
/// Whole frames, appended to `out`. Data of any size, none too.
void append_data(std::string& out, std::string_view content);
void append_fin(std::string& out, std::uint64_t total);
void append_empty(std::string& out, StreamFrame kind);

/// What one direction says, as it comes in pieces of any size.
class StreamFrameReader {
  public:
    /// `headless`: so many bytes of content come first, without a header. `may_free`: the peer is
    /// who was asked for the stream, so that `free` may follow its end.
    StreamFrameReader(std::uint64_t headless, bool may_free)
        : content_left_(headless), may_free_(may_free) {}

    enum class End : unsigned char {
        none,  ///< more may come
        fin,   ///< clean
        reset,
        broken,  ///< against the rules; see problem(). For good
    };
    /// Takes the next bytes in place: moves their content to the front of them and returns its
    /// size. Once they are broken nothing more is content; what came before in the same piece is.
    std::size_t take(std::span<char> bytes);

    End end() const { return end_; }
    /// All that comes is content, to the end of the connection.
    bool is_raw() const { return raw_; }
    /// Behind its end; no frame may follow.
    bool is_free() const { return free_; }
    /// Bytes came behind `free`, which are not of this stream; they are gone.
    bool has_more() const { return has_more_; }
    /// For the log, empty if nothing is wrong.
    std::string_view problem() const { return problem_; }
    /// Content so far.
    std::uint64_t total() const { return total_; }
    /// Headers that were read since the last call, for the turn of who reads (Turn).
    unsigned take_frames();

  private:
    void judge();
    void fail(std::string_view problem);

    std::uint64_t content_left_, total_ = 0;
    const bool may_free_;
    bool raw_ = false, free_ = false, has_more_ = false;
    End end_ = End::none;
    // The header, and behind it fin's total, as far as they are here.
    std::array<char, kStreamHeaderBytes + kStreamTotalBytes> partial_{};
    std::uint8_t partial_size_ = 0;
    unsigned frames_ = 0;
    std::string_view problem_;
};

}  // namespace inout
