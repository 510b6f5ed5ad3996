#include "common/relay/pipe_pool.hpp"

#include <fcntl.h>

#include <atomic>
#include <utility>

#include "common/base/limits.hpp"
#include "common/os/descriptors.hpp"

namespace inout {
namespace {

std::atomic<std::size_t> large_pipes{0};

/// Pipes of the process: two descriptors each.
std::size_t pipes_max() {
    static const std::size_t max = descriptor_limit() / kPipesShare / 2;
    return max;
}

std::optional<Pipe> make_pipe() {
    if (counters().pipes >= pipes_max()) return std::nullopt;
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
    Pipe pipe{.read_end = UniqueFd(ends[0]), .write_end = UniqueFd(ends[1])};
    // Both may be refused: trust only what the pipe says then.
    const bool may_be_large = large_pipes < kLargePipesMax;
    if (may_be_large && ::fcntl(ends[1], F_SETPIPE_SZ, kLargePipeBytes) > 0) {
        pipe.large.emplace(large_pipes);
    } else {
        ::fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
    }
    const int capacity = ::fcntl(ends[1], F_GETPIPE_SZ);
    // Over the user's page limit the kernel hands out pipes of one or two pages: copying is faster.
    if (capacity < static_cast<int>(kCopyBytes)) return std::nullopt;
    pipe.capacity = static_cast<std::size_t>(capacity);
    return pipe;
}

}  // namespace

PipePool::PipePool() {
    idle_.reserve(kIdlePipesMax);  // giving back needs no memory
}

std::optional<Pipe> PipePool::borrow() {
    if (lent_ >= kPipesMax) return std::nullopt;
    std::optional<Pipe> pipe;
    if (idle_.empty()) {
        pipe = make_pipe();
    } else {
        pipe = std::move(idle_.back());
        idle_.pop_back();
    }
    if (pipe) ++lent_;
    return pipe;
}

void PipePool::give_back(Pipe pipe) {
    --lent_;
    if (pipe.held == 0 && idle_.size() < kIdlePipesMax) idle_.push_back(std::move(pipe));
}

void PipePool::trim() {
    idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(idle_.size() / 2), idle_.end());
}

}  // namespace inout
