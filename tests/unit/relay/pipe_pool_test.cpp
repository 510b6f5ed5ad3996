#include "common/relay/pipe_pool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "common/base/limits.hpp"

namespace inout::pipe_pool_test {
namespace {

Pipe borrowed(PipePool& pool) {
    auto pipe = pool.borrow();
    EXPECT_TRUE(pipe);
    return std::move(*pipe);
}

TEST(PipePool, a_pipe_carries_bytes_without_blocking_and_says_its_capacity) {
    PipePool pool;
    const Pipe pipe = borrowed(pool);
    EXPECT_EQ(::fcntl(pipe.write_end.get(), F_GETPIPE_SZ), static_cast<int>(pipe.capacity));
    EXPECT_GE(pipe.capacity, kCopyBytes);
    char byte = 'x';
    EXPECT_EQ(::read(pipe.read_end.get(), &byte, 1), -1);
    EXPECT_EQ(errno, EAGAIN);
    EXPECT_EQ(::write(pipe.write_end.get(), &byte, 1), 1);
    EXPECT_EQ(::read(pipe.read_end.get(), &byte, 1), 1);
}

TEST(PipePool, an_empty_pipe_is_used_again) {
    PipePool pool;
    Pipe pipe = borrowed(pool);
    const int fd = pipe.read_end.get();
    pool.give_back(std::move(pipe));
    EXPECT_TRUE(pool.has_idle());
    EXPECT_EQ(borrowed(pool).read_end.get(), fd);
    EXPECT_FALSE(pool.has_idle());
}

TEST(PipePool, a_pipe_with_bytes_in_it_is_closed_and_never_lent_again) {
    PipePool pool;
    Pipe pipe = borrowed(pool);
    ASSERT_EQ(::write(pipe.write_end.get(), "secret", 6), 6);
    pipe.held = 6;
    const std::size_t before = counters().pipes;
    pool.give_back(std::move(pipe));
    EXPECT_FALSE(pool.has_idle());
    EXPECT_EQ(counters().pipes, before - 1);
}

TEST(PipePool, keeps_at_most_so_many_unused) {
    PipePool pool;
    const std::size_t before = counters().pipes;
    std::vector<Pipe> pipes;
    for (std::size_t i = 0; i < kIdlePipesMax + 3; ++i) pipes.push_back(borrowed(pool));
    for (Pipe& pipe : pipes) pool.give_back(std::move(pipe));
    pipes.clear();
    EXPECT_EQ(counters().pipes, before + kIdlePipesMax);
}

TEST(PipePool, trimming_halves_the_unused_ones_until_none_is_left) {
    PipePool pool;
    const std::size_t before = counters().pipes;
    std::vector<Pipe> pipes;
    for (int i = 0; i < 5; ++i) pipes.push_back(borrowed(pool));
    for (Pipe& pipe : pipes) pool.give_back(std::move(pipe));
    pipes.clear();
    for (const std::size_t left : {2U, 1U, 0U, 0U}) {
        pool.trim();
        EXPECT_EQ(counters().pipes, before + left);
    }
    EXPECT_FALSE(pool.has_idle());
}

}  // namespace
}  // namespace inout::pipe_pool_test
