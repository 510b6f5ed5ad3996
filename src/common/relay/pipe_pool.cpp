#include "common/relay/pipe_pool.hpp"

#include <utility>

#include "common/base/limits.hpp"
#include "common/os/descriptors.hpp"

namespace inout {
namespace {

/// Pipes of the process: two descriptors each.
std::size_t pipes_max() {
    static const std::size_t max = descriptor_limit() / kPipesShare / 2;
    return max;
}

std::optional<Pipe> new_pipe() {
    if (counters().pipes >= pipes_max()) return std::nullopt;
    auto ends = make_pipe();
    if (!ends) return std::nullopt;
    Pipe pipe{std::move(*ends)};
    // Both may be refused: trust only what the pipe says then.
    const bool may_be_large = counters().large_pipes < kLargePipesMax;
    if (may_be_large && set_pipe_capacity(pipe, kLargePipeBytes)) {
        pipe.large.emplace(counters().large_pipes);
    } else {
        set_pipe_capacity(pipe, kPipeBytes);
    }
    pipe.capacity = pipe_capacity(pipe);
    // Over the user's page limit the kernel hands out pipes of one or two pages: copying is faster.
    if (pipe.capacity < kCopyBytes) return std::nullopt;
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
        pipe = new_pipe();
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
