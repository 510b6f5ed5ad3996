// Blocks: what is written comes out again however it is cut, what is worth compressing is, and what
// breaks the rules is told and gives nothing.
#include <gtest/gtest.h>
#include <zstd.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "common/compress/block_reader.hpp"
#include "common/compress/block_writer.hpp"
#include "texts.hpp"

namespace inout::blocks_test {
namespace {

using texts::access_log;
using texts::noise;

/// A direction that is written in pieces of this size.
std::string written(BlockWriter& writer, std::string_view content, std::size_t piece) {
    std::vector<char> room(kBlockBytesMax);
    std::string blocks;
    for (; !content.empty(); content.remove_prefix(std::min(piece, content.size()))) {
        blocks += writer.make(content.substr(0, piece), room);
    }
    return blocks;
}
std::string written(std::string_view content, std::size_t piece = kBlockContentMax) {
    BlockWriter writer;
    return written(writer, content, piece);
}

/// What comes out of `reader` for these bytes, which come in pieces; at most `at_once` at a time.
std::string read(BlockReader& reader, std::string_view bytes, std::size_t piece,
                 std::size_t at_once) {
    std::string content;
    std::vector<char> into(at_once);
    while (!reader.is_broken()) {
        if (const std::size_t got = reader.read(into); got > 0) {
            content.append(into.data(), got);
            continue;
        }
        if (reader.is_broken() || bytes.empty()) break;
        EXPECT_TRUE(reader.needs_input());
        const auto room = reader.room();
        const std::size_t size = std::min({bytes.size(), piece, room.size()});
        std::copy_n(bytes.begin(), size, room.begin());
        reader.filled(size);
        bytes.remove_prefix(size);
    }
    return content;
}
std::string problem_of(std::string_view bytes) {
    BlockReader reader;
    read(reader, bytes, bytes.size(), 4'096);
    return reader.problem();
}

std::string block(BlockKind kind, std::string_view body) {
    const BlockHeader header = block_header(kind, body.size());
    return std::string(header.begin(), header.end()).append(body);
}
/// The frame of `content` that zstd makes with this window, without its magic number.
std::string frame(const std::string& content, int window_log, ZSTD_EndDirective end) {
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    std::string made(ZSTD_compressBound(content.size()) + 64, '\0');
    ZSTD_inBuffer in{content.data(), content.size(), 0};
    ZSTD_outBuffer out{made.data(), made.size(), 0};
    EXPECT_EQ(ZSTD_compressStream2(context, &out, &in, end), 0U);
    ZSTD_freeCCtx(context);
    return made.substr(4, out.pos - 4);
}

TEST(Blocks, bring_what_was_written_however_they_are_cut) {
    std::minstd_rand random(3);
    for (const std::string& content :
         {access_log(300'000), noise(150'000),
          access_log(70'000) + noise(200'000) + access_log(1'300'000) + noise(2'000)}) {
        for (const std::size_t piece : {std::size_t{1'400}, kBlockContentMax}) {
            const std::string blocks = written(content, piece);
            for (const std::size_t cut : {std::size_t{7}, std::size_t{1'000}, kBlockContentMax}) {
                BlockReader reader;
                const std::size_t at_once = 1 + random() % 20'000;
                ASSERT_TRUE(read(reader, blocks, cut, at_once) == content) << cut << " " << at_once;
                EXPECT_TRUE(reader.is_between_blocks());
                EXPECT_TRUE(reader.needs_input());
            }
        }
    }
}

TEST(Blocks, have_all_of_a_write_so_that_nothing_waits) {
    BlockWriter writer;
    BlockReader reader;
    std::vector<char> room(kBlockBytesMax);
    for (std::size_t size = 1; size < kBlockContentMax; size = size * 5 / 3 + 1) {
        const std::string content = access_log(size);
        EXPECT_EQ(read(reader, writer.make(content, room), kBlockContentMax, 20'000), content);
        EXPECT_TRUE(reader.is_between_blocks());
    }
}

TEST(Blocks, make_a_log_small) {
    const std::string log = access_log(2'000'000);
    EXPECT_LT(static_cast<double>(written(log).size()), static_cast<double>(log.size()) / 4.5);
    EXPECT_LT(static_cast<double>(written(log, 1'400).size()), static_cast<double>(log.size()) / 4);
}

TEST(Blocks, cost_what_does_not_shrink_next_to_nothing_and_no_frame) {
    BlockWriter writer;
    const std::string content = noise(4'000'000);
    EXPECT_LT(static_cast<double>(written(writer, content, kBlockContentMax).size()),
              static_cast<double>(content.size()) * 1.001);
    EXPECT_LT(static_cast<double>(written(writer, content, 1'400).size()),
              static_cast<double>(content.size()) * 1.01);
    EXPECT_EQ(zstd_writers(), writer.has_frame() ? 1U : 0U);
}

TEST(Blocks, give_up_after_64_KiB_that_do_not_shrink_and_come_back) {
    BlockWriter writer;
    written(writer, noise(65'536 - 1'024), 1'024);
    EXPECT_TRUE(writer.has_frame());
    written(writer, noise(1'024), 1'024);
    EXPECT_FALSE(writer.has_frame());
    written(writer, access_log(BlockWriter::kSkipFirst), kBlockContentMax);
    EXPECT_FALSE(writer.has_frame());
    const std::string blocks = written(writer, access_log(100'000), kBlockContentMax);
    EXPECT_TRUE(writer.has_frame());
    EXPECT_LT(blocks.size(), 40'000U);
}

TEST(Blocks, of_a_few_bytes_need_no_frame) {
    BlockWriter writer;
    written(writer, access_log(BlockWriter::kSmall - 1), 1);
    EXPECT_FALSE(writer.has_frame());
    written(writer, "x", 1);
    EXPECT_TRUE(writer.has_frame());
}

TEST(Blocks, end_a_frame_and_both_sides_hold_nothing) {
    BlockWriter writer;
    BlockReader reader;
    std::vector<char> room(kBlockBytesMax);
    const std::string log = access_log(20'000);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(read(reader, written(writer, log, 1'000), 999, 5'000), log);
        EXPECT_EQ(zstd_writers(), 1U);
        EXPECT_EQ(zstd_readers(), 1U);
        const std::string end(writer.end_frame(room));
        EXPECT_EQ(end.size(), kBlockHeaderBytes);
        EXPECT_EQ(read(reader, end, 1, 5'000), "");
        EXPECT_FALSE(reader.is_broken());
        EXPECT_EQ(zstd_writers(), 0U);
        EXPECT_EQ(zstd_readers(), 0U);
    }
    EXPECT_TRUE(writer.end_frame(room).empty());
}

TEST(Blocks, begin_behind_the_bytes_that_came_as_they_are) {
    const std::string blocks = "plain" + written(access_log(50'000));
    for (const std::size_t cut : {std::size_t{2}, std::size_t{9'000}}) {
        BlockReader reader(5);
        EXPECT_EQ(read(reader, blocks, cut, 3'000), "plain" + access_log(50'000));
    }
    BlockReader reader(5);
    reader.give(blocks);
    EXPECT_EQ(read(reader, "", 1, 3'000), "plain" + access_log(50'000));
    BlockReader cut(5);
    EXPECT_EQ(read(cut, "pla", 3, 3'000), "pla");
    EXPECT_FALSE(cut.is_between_blocks());
}

TEST(Blocks, know_where_they_are_cut_off) {
    const std::string blocks = written(access_log(30'000));
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{3}, std::size_t{4}, std::size_t{20}, blocks.size() - 1}) {
        BlockReader reader;
        read(reader, blocks.substr(0, size), 100, 3'000);
        EXPECT_FALSE(reader.is_between_blocks()) << size;
        EXPECT_FALSE(reader.is_broken());
    }
}

TEST(Blocks, of_wrong_kinds_and_lengths_are_refused) {
    EXPECT_EQ(problem_of("XXXX"), "a block of unknown kind");
    EXPECT_EQ(problem_of(block(BlockKind::stored, "")), "a block of wrong length");
    EXPECT_EQ(problem_of(block(BlockKind::zstd, "")), "a block of wrong length");
    EXPECT_EQ(problem_of(block(BlockKind::stored, std::string(kBlockContentMax + 1, 'x'))),
              "a block of wrong length");
    EXPECT_EQ(problem_of(block(BlockKind::zstd, std::string(kBlockZstdMax + 1, 'x'))),
              "a block of wrong length");
    EXPECT_EQ(problem_of(block(BlockKind::end, "x")), "a block of wrong length");
    EXPECT_EQ(problem_of(block(BlockKind::end, "")), "the end of no frame");
    EXPECT_EQ(problem_of(block(BlockKind::zstd, "garbage of no meaning at all")).empty(), false);
}

TEST(Blocks, with_a_larger_window_are_refused) {
    const std::string small(10'000, 'a');
    EXPECT_EQ(problem_of(block(BlockKind::zstd, frame(small, 14, ZSTD_e_flush))), "");
    EXPECT_EQ(problem_of(block(BlockKind::zstd, frame(small, 15, ZSTD_e_flush))),
              "Frame requires too much memory for decoding");
}

TEST(Blocks, that_become_more_than_they_may_are_refused_before_they_have) {
    const std::string bomb = frame(std::string(10'000'000, '\0'), 14, ZSTD_e_flush);
    ASSERT_LT(bomb.size(), kBlockZstdMax);
    for (const std::size_t at_once : {std::size_t{100}, std::size_t{100'000}}) {
        BlockReader reader;
        EXPECT_LE(read(reader, block(BlockKind::zstd, bomb), 1'000, at_once).size(),
                  kBlockContentMax);
        EXPECT_EQ(reader.problem(), "a block with too much content");
        EXPECT_FALSE(reader.has_frame());
    }
}

TEST(Blocks, without_content_are_refused) {
    const std::string made = frame("hello", 14, ZSTD_e_flush);
    // Its header alone is content of the frame that brings nothing.
    EXPECT_EQ(problem_of(block(BlockKind::zstd, made.substr(0, 2))), "a block without content");
    EXPECT_EQ(problem_of(block(BlockKind::zstd, frame("hello", 14, ZSTD_e_end))),
              "a frame that ends by itself");
}

TEST(Blocks, are_counted_each) {
    BlockReader reader;
    read(reader, block(BlockKind::stored, "a") + block(BlockKind::stored, "b"), 100, 100);
    EXPECT_EQ(reader.take_blocks(), 2U);
    EXPECT_EQ(reader.take_blocks(), 0U);
}

TEST(Blocks, of_noise_never_do_anything_else_than_break) {
    std::minstd_rand random(11);
    for (int i = 0; i < 2'000; ++i) {
        std::string blocks = written(access_log(4'000) + noise(600), 900);
        for (std::size_t changes = 1 + random() % 3; changes > 0; --changes) {
            blocks[random() % blocks.size()] = static_cast<char>(random());
        }
        BlockReader reader;
        EXPECT_LE(read(reader, blocks, 1 + random() % 5'000, 3'000).size(), 1'000'000U);
    }
    EXPECT_EQ(zstd_readers(), 0U);
}

}  // namespace
}  // namespace inout::blocks_test
