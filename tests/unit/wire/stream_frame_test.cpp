#include "common/wire/stream_frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

namespace inout::stream_frame_test {
namespace {

using End = StreamFrameReader::End;

std::string data_frame(std::string_view bytes) {
    const auto header = data_header(bytes.size());
    return std::string(header.data(), header.size()).append(bytes);
}
std::string empty_frame(StreamFrame kind) {
    std::string frame;
    append_empty(frame, kind);
    return frame;
}
std::string fin_frame(std::uint64_t total) {
    std::string frame;
    append_fin(frame, total);
    return frame;
}
const std::string kReset = empty_frame(StreamFrame::reset), kRaw = empty_frame(StreamFrame::raw),
                  kFree = empty_frame(StreamFrame::free);

/// What a reader, or the naive one below, makes of a row of bytes.
struct Read {
    std::string content{};
    End end = End::none;
    bool raw = false, free = false, more = false;
    std::string problem{};
    bool operator==(const Read&) const = default;
};
void PrintTo(const Read& read, std::ostream* out) {
    *out << read.content.size() << " bytes, end " << int(read.end) << (read.raw ? " raw" : "")
         << (read.free ? " free " : " ") << (read.more ? "more " : "") << read.problem;
}

/// Who was asked for the stream may say `free`.
struct Direction {
    std::uint64_t headless = 0;
    bool may_free = true;
};

/// In pieces that end there, and at the end of `bytes`.
Read read_row(std::string bytes, const std::vector<std::size_t>& cuts = {}, Direction of = {}) {
    StreamFrameReader reader(of.headless, of.may_free);
    Read result;
    std::size_t begin = 0;
    const auto take_up_to = [&](std::size_t end) {
        const std::size_t size = reader.take(std::span(bytes).subspan(begin, end - begin));
        EXPECT_LE(size, end - begin);
        result.content.append(bytes, begin, size);
        begin = end;
    };
    for (const std::size_t cut : cuts) take_up_to(cut);
    take_up_to(bytes.size());
    result.end = reader.end();
    result.raw = reader.is_raw();
    result.free = reader.is_free();
    result.more = reader.has_more();
    result.problem = reader.problem();
    EXPECT_EQ(reader.total(), result.content.size());
    EXPECT_EQ(result.problem.empty(), result.end != End::broken);
    return result;
}
Read broken_row(std::string problem, std::string content = "") {
    return {.content = std::move(content), .end = End::broken, .problem = std::move(problem)};
}

TEST(StreamFrameTest, data_of_any_size_fills_frames) {
    std::string row;
    append_data(row, "");
    EXPECT_EQ(row, "");
    const std::string much(40'000, 'x');
    append_data(row, much);
    EXPECT_EQ(row, data_frame(much.substr(0, 16'384)) + data_frame(much.substr(0, 16'384)) +
                       data_frame(much.substr(0, 7'232)));
}

TEST(StreamFrameTest, a_header_is_a_letter_and_three_bytes_of_length) {
    EXPECT_EQ(data_frame("hi"), std::string("D\x02\0\0hi", 6));
    EXPECT_EQ(data_frame(std::string(16'384, 'x')).substr(0, 4), std::string("D\0\x40\0", 4));
    EXPECT_EQ(fin_frame(0x0102030405060708),
              std::string("F\x08\0\0\x08\x07\x06\x05\x04\x03\x02\x01", 12));
    EXPECT_EQ(kReset + kRaw + kFree, std::string("R\0\0\0W\0\0\0P\0\0\0", 12));
}

TEST(StreamFrameTest, content_comes_to_the_front_of_where_it_was_read) {
    std::string bytes =
        data_frame("one ") + data_frame("two ") + data_frame("three") + fin_frame(13);
    StreamFrameReader reader(0, false);
    EXPECT_EQ(reader.take(bytes), 13U);
    EXPECT_EQ(bytes.substr(0, 13), "one two three");
    EXPECT_EQ(reader.end(), End::fin);
    EXPECT_EQ(reader.take_frames(), 4U);
    EXPECT_EQ(reader.take_frames(), 0U);
}

TEST(StreamFrameTest, bytes_without_a_header_come_first_and_count) {
    const Direction early{.headless = 5};
    EXPECT_EQ(read_row("early" + data_frame("late") + fin_frame(9), {}, early),
              (Read{.content = "earlylate", .end = End::fin}));
    EXPECT_EQ(read_row("early" + fin_frame(5), {}, early),
              (Read{.content = "early", .end = End::fin}));
    EXPECT_EQ(read_row("earl", {}, early), (Read{.content = "earl"}));
    EXPECT_EQ(read_row("early" + fin_frame(0), {}, early), broken_row("wrong total", "early"));
}

TEST(StreamFrameTest, behind_raw_all_is_content) {
    EXPECT_EQ(read_row(data_frame("a") + kRaw + kRaw + fin_frame(1) + "xyz"),
              (Read{.content = "a" + kRaw + fin_frame(1) + "xyz", .raw = true}));
}

TEST(StreamFrameTest, behind_an_end_only_free_may_come_once_and_only_of_who_was_asked) {
    const Direction asking{.may_free = false};
    for (const std::string& end : {fin_frame(0), kReset}) {
        const End how = end == kReset ? End::reset : End::fin;
        EXPECT_EQ(read_row(end), (Read{.end = how}));
        EXPECT_EQ(read_row(end + kFree), (Read{.end = how, .free = true}));
        EXPECT_EQ(read_row(end + kFree.substr(0, 3)), (Read{.end = how}));
        EXPECT_EQ(read_row(end + kFree + "x"), (Read{.end = how, .free = true, .more = true}))
            << "that is not of this stream";
        for (const std::string& other : {data_frame("x"), fin_frame(0), kReset, kRaw}) {
            EXPECT_EQ(read_row(end + other), broken_row("bytes behind the end"));
        }
        EXPECT_EQ(read_row(end + "P", {}, asking), broken_row("bytes behind the end"));
    }
    EXPECT_EQ(read_row(kFree), broken_row("free before the end"));
    EXPECT_EQ(read_row(data_frame("x") + kFree, {}, asking),
              broken_row("free before the end", "x"));
}

TEST(StreamFrameTest, what_is_no_frame_is_told_as_soon_as_its_header_is_there) {
    const auto header = [](char kind, int low, int middle = 0, int high = 0) {
        return std::string{kind, char(low), char(middle), char(high)};
    };
    EXPECT_EQ(read_row(data_frame("ok") + header('D', 0)),
              broken_row("wrong length of data", "ok"));
    EXPECT_EQ(read_row(header('D', 1, 0x40)), broken_row("wrong length of data"));
    EXPECT_EQ(read_row(header('D', 0xff, 0xff, 0xff)), broken_row("wrong length of data"));
    EXPECT_EQ(read_row(header('F', 7)), broken_row("wrong length"));
    EXPECT_EQ(read_row(header('F', 8, 1)), broken_row("wrong length"));
    EXPECT_EQ(read_row(header('R', 1)), broken_row("wrong length"));
    EXPECT_EQ(read_row(header('W', 0, 0, 1)), broken_row("wrong length"));
    EXPECT_EQ(read_row(header('d', 1)), broken_row("unknown kind of frame"));
    EXPECT_EQ(read_row("HTTP/1.1 400"), broken_row("unknown kind of frame"));
    EXPECT_EQ(read_row(data_frame("four") + fin_frame(5)), broken_row("wrong total", "four"));
    EXPECT_EQ(read_row(data_frame("four") + fin_frame(4 + (1ULL << 40U))),
              broken_row("wrong total", "four"));
}

TEST(StreamFrameTest, what_is_broken_stays_so_and_gives_nothing_more) {
    std::string bytes = data_frame("good") + "x..." + data_frame("bad");
    StreamFrameReader reader(0, true);
    EXPECT_EQ(reader.take(bytes), 4U);
    for (std::string more : {data_frame("more"), fin_frame(4), kReset, kFree}) {
        EXPECT_EQ(reader.take(more), 0U);
        EXPECT_EQ(reader.end(), End::broken);
    }
    EXPECT_EQ(reader.total(), 4U);
}

/// `check` with every way to cut `size` bytes into two pieces, and into three.
template <class Check>
void with_every_split(std::size_t size, Check check) {
    for (std::size_t first = 0; first <= size; ++first) {
        check(std::vector{first});
        for (std::size_t second = first; second <= size; ++second) {
            check(std::vector{first, second});
        }
    }
}

TEST(StreamFrameTest, where_the_pieces_end_makes_no_difference) {
    const std::string some = data_frame("some");
    std::string clean = some + data_frame("b") + data_frame("ytes");
    clean += fin_frame(9);
    clean += kFree;
    for (const std::string& row :
         {clean, clean + "x", some + kReset, some + kRaw + "and more", some + fin_frame(3),
          some + std::string("D\0\0\0more", 8), "headless" + clean}) {
        const Direction of{.headless = row.starts_with("headless") ? 8U : 0U};
        const Read whole = read_row(row, {}, of);
        with_every_split(row.size(),
                         [&](const auto& cuts) { EXPECT_EQ(read_row(row, cuts, of), whole); });
    }
}

/// Reads the whole row at once, frame by frame, as docs/protocol.md says it.
Read read_naively(std::string_view row, Direction of) {
    Read result;
    const auto number = [&](std::size_t at, std::size_t size) {
        std::uint64_t n = 0;
        for (std::size_t i = 0; i < size; ++i) {
            n += std::uint64_t(static_cast<unsigned char>(row[at + i])) << (8 * i);
        }
        return n;
    };
    const auto is_broken = [&] {
        result.end = End::broken;
        return result;
    };
    result.content = row.substr(0, of.headless);
    row.remove_prefix(result.content.size());
    while (!row.empty()) {
        if (result.free) {
            result.more = true;
            return result;
        }
        if (result.end != End::none && !of.may_free) return is_broken();
        if (row.size() < 4) return result;
        const char kind = row[0];
        const std::uint64_t length = number(1, 3);
        if (kind == 'P' && length == 0 && result.end != End::none) {
            result.free = true;
            row.remove_prefix(4);
            continue;
        }
        if (result.end != End::none) return is_broken();
        if (kind == 'D' && length >= 1 && length <= 16'384) {
            result.content += row.substr(4, length);
            row.remove_prefix(std::min<std::size_t>(row.size(), 4 + length));
        } else if (kind == 'F' && length == 8) {
            if (row.size() < 12) return result;
            if (number(4, 8) != result.content.size()) return is_broken();
            result.end = End::fin;
            row.remove_prefix(12);
        } else if (kind == 'R' && length == 0) {
            result.end = End::reset;
            row.remove_prefix(4);
        } else if (kind == 'W' && length == 0) {
            result.raw = true;
            result.content += row.substr(4);
            return result;
        } else {
            return is_broken();
        }
    }
    return result;
}

TEST(StreamFrameTest, any_row_of_frames_is_read_as_by_who_has_all_of_it) {
    std::mt19937 random(1);  // NOLINT(*-msc51-cpp): the same at every run
    const auto below = [&](std::size_t n) { return std::size_t(random()) % n; };
    std::array<unsigned, 4> ends{};
    for (int round = 0; round < 20'000; ++round) {
        const Direction of{.headless = below(4) == 0 ? below(20) : 0, .may_free = below(2) == 0};
        std::string row(of.headless, 'h');
        std::uint64_t total = of.headless;
        for (std::size_t i = below(5); i > 0; --i) {
            const std::size_t size = 1 + (below(20) == 0 ? below(16'384) : below(30));
            row += data_frame(std::string(size, char('a' + i)));
            total += size;
        }
        if (below(10) == 0) row += kRaw + std::string(below(20), 'r');
        if (below(4) > 0) row += below(3) > 0 ? fin_frame(total) : kReset;
        if (below(2) == 0) row += kFree;
        for (std::size_t i = below(3); i > 0 && !row.empty(); --i) {
            const std::size_t at = below(row.size());
            switch (below(5)) {
                case 0: row[at] = static_cast<char>(random()); break;
                case 1: row[at] = "DFRWP\0\1\2"[below(8)]; break;
                case 2: row.erase(at, 1 + below(5)); break;
                case 3: row.insert(at, data_frame("x")); break;
                default: row.resize(at);
            }
        }
        std::vector<std::size_t> cuts;
        for (std::size_t i = below(6); i > 0; --i) cuts.push_back(below(row.size() + 1));
        std::ranges::sort(cuts);
        const Read expected = read_naively(row, of);
        Read seen = read_row(row, cuts, of);
        seen.problem.clear();
        ASSERT_EQ(seen, expected) << "round " << round;
        ++ends[static_cast<std::size_t>(expected.end)];
    }
    for (const unsigned times : ends) EXPECT_GT(times, 1'000U);
}

}  // namespace
}  // namespace inout::stream_frame_test
