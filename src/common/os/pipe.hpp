// Pipes to splice through (pipe(7), fcntl(2)). Any thread.
#pragma once

#include <cstddef>
#include <optional>

#include "common/os/unique_fd.hpp"

namespace inout {

struct PipeEnds {
    UniqueFd read_end, write_end;
};
/// Not blocking. Nothing, and errno.
std::optional<PipeEnds> make_pipe();
/// False: refused (unprivileged users have a limit of pages over all their pipes).
bool set_pipe_capacity(const PipeEnds& pipe, int bytes);
/// What it holds at most, in bytes; a pipe that was just made or set may have less than was asked.
std::size_t pipe_capacity(const PipeEnds& pipe);

}  // namespace inout
