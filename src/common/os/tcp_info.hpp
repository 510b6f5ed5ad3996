// What the kernel knows of a TCP connection: TCP_INFO (linux/tcp.h). What it knows of a UNIX socket
// is told in the same words. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/base/limits.hpp"

namespace inout {

/// What is looked at in struct tcp_info (linux/tcp.h).
struct TcpSample {
    bool closed = false;        ///< the connection is over (reset, or both ends acknowledged)
    unsigned unacked = 0;       ///< segments in flight, a FIN included
    unsigned unsent_bytes = 0;  ///< accepted from us, not yet sent
    unsigned probes = 0;        ///< zero-window probes without an answer
    Milliseconds last_ack{0};   ///< since the last acknowledgement
    std::uint64_t acked_bytes =
        0;                ///< in all; of a UNIX socket only a change of it means something
    bool unread = false;  ///< UNIX socket: its peer has not read all that is there for it

    bool all_acknowledged() const { return closed || (unacked == 0 && unsent_bytes == 0); }
};

TcpSample sample_tcp(int fd);

/// The shortest round trip seen on the connection; 0 if unknown.
std::chrono::microseconds round_trip(int fd);

}  // namespace inout
