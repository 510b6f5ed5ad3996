#include "common/base/log_writer.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

namespace inout::log::log_writer_test {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kQueue = 8'192;

/// A writer into a pipe of one page; never destroyed, as its thread never ends.
struct Piped {
    Piped() {
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
        ::fcntl(ends[1], F_SETPIPE_SZ, 4'096);
        writer = new LogWriter(ends[1], kQueue);  // reachable: no leak for a sanitizer
        writer->start();
        kept().push_back(writer);
    }
    static std::vector<LogWriter*>& kept() {
        static auto* all = new std::vector<LogWriter*>;
        return *all;
    }
    void push(const std::string& line) const { writer->push(line, " lost=", "\n"); }
    /// What there is to read until everything is written.
    std::string read_all() const {
        std::string text;
        std::array<char, 1'024> part{};
        ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
        for (bool done = false; !done;) {
            done = writer->flush(20ms);
            for (ssize_t n = 0; (n = ::read(ends[0], part.data(), part.size())) > 0;) {
                text.append(part.data(), static_cast<std::size_t>(n));
            }
        }
        return text;
    }

    std::array<int, 2> ends{};
    LogWriter* writer = nullptr;
};

TEST(LogWriter, lines_come_out_in_order_and_whole) {
    const Piped piped;
    std::string expected;
    for (int i = 0; i < 100; ++i) {
        piped.push(std::to_string(i));
        expected += std::to_string(i) + "\n";
    }
    EXPECT_EQ(piped.read_all(), expected);
}

TEST(LogWriter, without_a_reader_nothing_waits_and_the_next_line_tells_what_was_lost) {
    const Piped piped;
    const std::string line(99, 'x');
    constexpr int kLines = 1'000;
    for (int i = 0; i < kLines; ++i) piped.push(line);  // 100 kB into at most 4 + 2 * 8 kB
    EXPECT_FALSE(piped.writer->flush(1ms));
    std::string all = piped.read_all();
    piped.push("next");
    all += piped.read_all();
    long written = 0, told = 0;
    std::istringstream lines(all);
    for (std::string each; std::getline(lines, each); ++written) {
        const auto at = each.find(" lost=");
        if (at != std::string::npos) told += std::stol(each.substr(at + 6));
    }
    EXPECT_LT(written, kLines / 2);
    EXPECT_EQ(written + told, kLines + 1);
}

TEST(LogWriter, a_reader_that_has_gone_costs_only_lines) {
    const Piped piped;
    ::signal(SIGPIPE, SIG_IGN);
    ::close(piped.ends[0]);
    piped.push("nobody");
    EXPECT_TRUE(piped.writer->flush(10s));
    piped.push("nobody");
    EXPECT_TRUE(piped.writer->flush(10s));
}

TEST(LogWriter, a_line_that_never_fits_is_lost_and_told) {
    const Piped piped;
    piped.push(std::string(kQueue, 'x'));
    piped.push("next");
    EXPECT_EQ(piped.read_all(), "next lost=1\n");
}

}  // namespace
}  // namespace inout::log::log_writer_test
