// The standard streams of a process as one client: their bytes go to and from a socket, on threads
// that may wait as long as they have to.
//
// They are read and written blocking, as they are, because O_NONBLOCK belongs to the open file,
// which the shell and other programs have too, and because a file can be in no event loop (EPERM,
// epoll_ctl(2)). The socket's other end is in the event loop, as a client's connection would be.
// Each function on a thread of its own; where it is not said, any thread.
#pragma once

#include <functional>

#include "common/os/unique_fd.hpp"

namespace inout {

/// Two ends of one UNIX socket, which no program that is started inherits.
struct SocketPair {
    UniqueFd blocking, non_blocking;
};
/// Empty ones, and errno.
SocketPair make_socket_pair();

/// Reads `input` to its end into `socket`, and ends that direction. Returns at once when the
/// socket's other end is closed: what was not read by then, another program may read. The errno of
/// reading; 0: there was none.
int carry_input(int input, int socket);

/// Writes what comes from `socket` to `output`, to the end. The errno of writing; 0: there was
/// none. `left` is called, once, if whoever reads `output` goes away meanwhile.
int carry_output(int socket, int output, const std::function<void()>& left);

/// Whoever reads `output` gets its end, though the process goes on: its number is /dev/null's from
/// now on. Where it is the same socket as `input`, a descriptor stays, and so it is shut down.
void end_output(int output, int input);

/// Whether nobody can read any more what is written to a pipe, socket or terminal. Never of a file.
bool has_reader_left(int output);

}  // namespace inout
