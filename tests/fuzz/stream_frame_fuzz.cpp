// One direction of a stream as a peer may send it: however its bytes are cut into pieces, the same
// comes out, no more than went in, and nothing more once the rules were broken.
//
// The first byte says who sends and how many bytes come without a header, the second how the rest
// is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/wire/stream_frame.hpp"
#include "demand.hpp"

namespace {

using inout::StreamFrameReader;
using End = StreamFrameReader::End;

struct Read {
    std::string content;
    StreamFrameReader reader;
};

/// In pieces of 1 to `largest` bytes, each in memory of its own.
Read read_in_pieces(std::string_view bytes, unsigned options, std::size_t largest) {
    Read read{{}, StreamFrameReader(options >> 1U, (options & 1U) != 0)};
    std::minstd_rand random(static_cast<unsigned>(largest));
    while (!bytes.empty()) {
        const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + random() % largest);
        std::vector<char> piece(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        const bool was_broken = read.reader.end() == End::broken;
        const std::size_t content = read.reader.take(piece);
        demand(content <= size && (content == 0 || !was_broken));
        demand(!was_broken || read.reader.end() == End::broken);
        read.content.append(piece.data(), content);
        bytes.remove_prefix(size);
    }
    demand(read.reader.total() == read.content.size());
    demand((read.reader.end() == End::broken) == !read.reader.problem().empty());
    return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes = text_of(data + 2, size - 2);
    const Read one = read_in_pieces(bytes, data[0], 1 + data[1]);
    for (const std::size_t largest : {std::size_t{3}, size}) {
        const Read other = read_in_pieces(bytes, data[0], largest);
        demand(one.content == other.content && one.reader.end() == other.reader.end());
        demand(one.reader.is_raw() == other.reader.is_raw());
        demand(one.reader.is_free() == other.reader.is_free());
        demand(one.reader.has_more() == other.reader.has_more());
        demand(one.reader.problem() == other.reader.problem());
    }
    return 0;
}
