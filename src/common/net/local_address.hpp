// Which listening socket of this machine a dial would reach.
//
// The machine's addresses are asked for anew each time: for the start of a program, not for each
// connection. Blocks for one system call's time; any thread.
#pragma once

#include "common/net/asio.hpp"

namespace inout {

/// Our own address of a connection; none of a UNIX socket, and of one that is closed.
Endpoint own_endpoint(int fd);
/// The same of the other end, as the kernel sees it.
Endpoint far_endpoint(int fd);

/// Whether a dial of `target` would be answered by a socket of this machine that listens on
/// `listening`. A wildcard stands for all addresses of its family, `::` for those of both, as
/// Acceptor binds it. False for port 0, which nobody can dial.
bool would_reach(const Endpoint& target, const Endpoint& listening);

}  // namespace inout
