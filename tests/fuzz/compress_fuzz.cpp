// One compressed direction of a stream as a peer may send it: however its bytes are cut into
// pieces, and however little is read at once, the same comes out, never more than a block may have,
// and nothing more once the rules were broken.
//
// The first byte says how many bytes come as they are, the second how the rest is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/compress/block_reader.hpp"
#include "demand.hpp"

namespace {

using inout::BlockReader;

struct Read {
    std::string content;
    bool broken, whole;
};

Read read_in_pieces(std::string_view bytes, std::size_t plain, std::size_t largest) {
    BlockReader reader(plain);
    std::minstd_rand random(static_cast<unsigned>(largest));
    Read all{};
    unsigned blocks = 0;
    while (!reader.is_broken()) {
        std::vector<char> into(1 + random() % largest);
        const std::size_t got = reader.read(into);
        demand(got <= into.size());
        blocks += reader.take_blocks();
        all.content.append(into.data(), got);
        demand(all.content.size() <= plain + blocks * inout::kBlockContentMax);
        if (got > 0) continue;
        demand(reader.is_broken() || reader.needs_input());
        if (bytes.empty() || reader.is_broken()) break;
        const auto room = reader.room();
        const std::size_t size =
            std::min<std::size_t>({bytes.size(), room.size(), 1 + random() % largest});
        std::copy_n(bytes.begin(), size, room.begin());
        reader.filled(size);
        bytes.remove_prefix(size);
    }
    std::vector<char> into(100);
    demand(!reader.is_broken() || (reader.read(into) == 0 && !reader.has_frame()));
    all.broken = reader.is_broken();
    all.whole = reader.is_between_blocks();
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string_view bytes = text_of(data + 2, size - 2);
    const Read one = read_in_pieces(bytes, data[0], 1 + data[1]);
    for (const std::size_t largest : {std::size_t{3}, size}) {
        const Read other = read_in_pieces(bytes, data[0], largest);
        demand(one.broken == other.broken);
        // What a broken block gave before it was known to be one depends on how it was read.
        demand(one.broken || (one.content == other.content && one.whole == other.whole));
    }
    return 0;
}
