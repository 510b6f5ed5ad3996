#include "common/os/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace inout {

std::optional<PipeEnds> make_pipe() {
    int ends[2];
    if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
    return PipeEnds{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool set_pipe_capacity(const PipeEnds& pipe, int bytes) {
    return ::fcntl(pipe.write_end.get(), F_SETPIPE_SZ, bytes) > 0;
}

std::size_t pipe_capacity(const PipeEnds& pipe) {
    return static_cast<std::size_t>(std::max(::fcntl(pipe.write_end.get(), F_GETPIPE_SZ), 0));
}

}  // namespace inout
