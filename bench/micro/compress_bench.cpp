// Compression: what blocks of a web server's log and of noise cost and save, in pieces as a relay
// reads them and as small as a segment; and what a frame's memory costs to get.
#include <benchmark/benchmark.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "../../tests/unit/compress/texts.hpp"
#include "common/compress/block_reader.hpp"
#include "common/compress/block_writer.hpp"

namespace inout {
namespace {

constexpr std::size_t kBytes = 8'000'000;

/// Calls it with each block.
template <class Take>
void compress_all(std::string_view content, std::size_t piece, Take take) {
    BlockWriter writer;
    std::vector<char> room(kBlockBytesMax);
    for (; !content.empty(); content.remove_prefix(std::min(piece, content.size()))) {
        take(writer.make(content.substr(0, piece), room));
    }
}

void compress(benchmark::State& state, const std::string& content, std::size_t piece) {
    std::size_t made = 0;
    for (auto _ : state) {
        made = 0;
        compress_all(content, piece, [&made](std::string_view block) { made += block.size(); });
        benchmark::DoNotOptimize(made);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(content.size()) * state.iterations());
    state.counters["ratio"] = static_cast<double>(content.size()) / static_cast<double>(made);
}

void decompress(benchmark::State& state, const std::string& content, std::size_t piece) {
    std::string blocks;
    compress_all(content, piece, [&blocks](std::string_view block) { blocks += block; });
    std::vector<char> into(kBlockContentMax);
    for (auto _ : state) {
        BlockReader reader;
        std::size_t got = 0;
        for (std::string_view left = blocks; got < content.size();) {
            if (const std::size_t now = reader.read(into); now > 0) {
                got += now;
                continue;
            }
            if (reader.is_broken()) return state.SkipWithError("the blocks are broken");
            const auto room = reader.room();
            const std::size_t size = std::min(room.size(), left.size());
            std::copy_n(left.begin(), size, room.begin());
            reader.filled(size);
            left.remove_prefix(size);
        }
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(content.size()) * state.iterations());
}

/// A frame begun, used once and ended, as in a stream of one request; and its reader.
void compress_frame(benchmark::State& state) {
    const std::string content = texts::access_log(1'400);
    std::vector<char> room(kBlockBytesMax), into(kBlockContentMax);
    for (auto _ : state) {
        BlockWriter writer;
        BlockReader reader;
        reader.give(writer.make(content, room));
        benchmark::DoNotOptimize(reader.read(into));
    }
}
BENCHMARK(compress_frame);

[[maybe_unused]] const bool kCompressions = [] {
    const std::string log = texts::access_log(kBytes), noise = texts::noise(kBytes);
    for (const std::size_t piece : {std::size_t{1'400}, kBlockContentMax}) {
        const std::string size = "/" + std::to_string(piece);
        benchmark::RegisterBenchmark(("compress_log" + size).c_str(), compress, log, piece);
        benchmark::RegisterBenchmark(("compress_noise" + size).c_str(), compress, noise, piece);
        benchmark::RegisterBenchmark(("decompress_log" + size).c_str(), decompress, log, piece);
        benchmark::RegisterBenchmark(("decompress_noise" + size).c_str(), decompress, noise, piece);
    }
    return true;
}();

}  // namespace
}  // namespace inout
