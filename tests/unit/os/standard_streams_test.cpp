#include "common/os/standard_streams.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <future>
#include <string>

#include "common/os/unique_fd.hpp"

namespace inout::standard_streams_test {
namespace {

struct Ends {
    UniqueFd read, write;
};

Ends make_pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// Reads to the end; the descriptor waits.
std::string read_all(int fd) {
    std::string all;
    std::array<char, 4096> piece{};
    for (ssize_t n = 0; (n = ::read(fd, piece.data(), piece.size())) > 0;) {
        all.append(piece.data(), static_cast<std::size_t>(n));
    }
    return all;
}

bool write_text(int fd, const std::string& text) {
    return ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// A pair whose other end waits too, as a relay would by its event loop.
SocketPair waiting_pair() {
    SocketPair pair = make_socket_pair();
    EXPECT_EQ(::fcntl(pair.non_blocking.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    EXPECT_EQ(::fcntl(pair.blocking.get(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(::fcntl(pair.non_blocking.get(), F_SETFL, 0), 0);
    return pair;
}

const auto kNobodyLeft = [] { FAIL() << "somebody reads"; };

TEST(StandardStreams, InputComesWholeAndItsEndIsAHalfClose) {
    SocketPair pair = waiting_pair();
    Ends input = make_pipe();
    const std::string text(1'000'000, 'x');
    auto writing = std::async(std::launch::async, [&] {
        const bool done = write_text(input.write.get(), text);
        input.write.reset();
        return done;
    });
    auto carrying =
        std::async(std::launch::async, carry_input, input.read.get(), pair.blocking.get());
    EXPECT_EQ(read_all(pair.non_blocking.get()), text);
    EXPECT_TRUE(writing.get());
    EXPECT_EQ(carrying.get(), 0);
    EXPECT_TRUE(write_text(pair.non_blocking.get(), "the other direction goes on"));
}

TEST(StandardStreams, InputThatDoesNotWaitIsWaitedFor) {
    SocketPair pair = waiting_pair();
    Ends input = make_pipe();
    ASSERT_EQ(::fcntl(input.read.get(), F_SETFL, O_NONBLOCK), 0);
    auto carrying =
        std::async(std::launch::async, carry_input, input.read.get(), pair.blocking.get());
    ASSERT_TRUE(write_text(input.write.get(), "late"));
    input.write.reset();
    EXPECT_EQ(read_all(pair.non_blocking.get()), "late");
    EXPECT_EQ(carrying.get(), 0);
    EXPECT_EQ(::fcntl(input.read.get(), F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

TEST(StandardStreams, InputThatCannotBeReadIsAnErrorAndNoEnd) {
    SocketPair pair = make_socket_pair();
    const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    EXPECT_EQ(carry_input(folder.get(), pair.blocking.get()), EISDIR);
    char byte = 0;
    EXPECT_EQ(::read(pair.non_blocking.get(), &byte, 1), -1);
    EXPECT_EQ(errno, EAGAIN);
}

TEST(StandardStreams, InputIsLeftAloneWhenTheStreamIsOver) {
    SocketPair pair = make_socket_pair();
    Ends input = make_pipe();
    auto carrying =
        std::async(std::launch::async, carry_input, input.read.get(), pair.blocking.get());
    pair.non_blocking.reset();
    EXPECT_EQ(carrying.get(), 0);
    ASSERT_TRUE(write_text(input.write.get(), "for another program"));
    input.write.reset();
    EXPECT_EQ(read_all(input.read.get()), "for another program");
}

TEST(StandardStreams, OutputHasAllThatCameBeforeTheEndAndBeforeAReset) {
    for (const bool is_reset : {false, true}) {
        SocketPair pair = make_socket_pair();
        Ends output = make_pipe();
        ASSERT_TRUE(write_text(pair.non_blocking.get(), "the last words"));
        if (is_reset) {
            // Closed with bytes unread: ECONNRESET.
            ASSERT_TRUE(write_text(pair.blocking.get(), "never read"));
        }
        pair.non_blocking.reset();
        EXPECT_EQ(carry_output(pair.blocking.get(), output.write.get(), kNobodyLeft), 0);
        output.write.reset();
        EXPECT_EQ(read_all(output.read.get()), "the last words");
    }
}

TEST(StandardStreams, OutputThatNobodyReadsIsAnErrorAtTheFirstByte) {
    ASSERT_NE(::signal(SIGPIPE, SIG_IGN), SIG_ERR);
    SocketPair pair = make_socket_pair();
    Ends output = make_pipe();
    std::promise<void> left;
    auto carrying = std::async(std::launch::async, [&] {
        return carry_output(pair.blocking.get(), output.write.get(), [&] { left.set_value(); });
    });
    EXPECT_FALSE(has_reader_left(output.write.get()));
    output.read.reset();
    left.get_future().wait();
    EXPECT_TRUE(has_reader_left(output.write.get()));
    ASSERT_TRUE(write_text(pair.non_blocking.get(), "x"));
    EXPECT_EQ(carrying.get(), EPIPE);
}

TEST(StandardStreams, TheEndOfOutputIsSeenThoughItsNumberStays) {
    Ends output = make_pipe();
    Ends input = make_pipe();
    end_output(output.write.get(), input.read.get());
    EXPECT_EQ(read_all(output.read.get()), "");
    EXPECT_TRUE(write_text(output.write.get(), "to nowhere"));
}

TEST(StandardStreams, TheEndOfOneSocketForBothIsSeenAndItsInputGoesOn) {
    SocketPair caller = waiting_pair();
    const UniqueFd output(::dup(caller.blocking.get()));
    end_output(output.get(), caller.blocking.get());
    EXPECT_EQ(read_all(caller.non_blocking.get()), "");
    ASSERT_TRUE(write_text(caller.non_blocking.get(), "more"));
    std::array<char, 4> more{};
    EXPECT_EQ(::read(caller.blocking.get(), more.data(), more.size()), 4);
}

TEST(StandardStreams, AFileAlwaysHasAReader) {
    const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_FALSE(has_reader_left(file.get()));
}

}  // namespace
}  // namespace inout::standard_streams_test
