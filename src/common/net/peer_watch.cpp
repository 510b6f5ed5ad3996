#include "common/net/peer_watch.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace inout {

TcpSample sample_tcp(int fd) {
    constexpr unsigned char kStateClose = 7, kStateTimeWait = 6;  // TCP_CLOSE, TCP_TIME_WAIT
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {.closed = true};
    return {
        .closed = info.tcpi_state == kStateClose || info.tcpi_state == kStateTimeWait,
        .unacked = info.tcpi_unacked,
        .unsent_bytes = info.tcpi_notsent_bytes,
        .probes = info.tcpi_probes,
        .last_ack = Milliseconds{info.tcpi_last_ack_recv},
    };
}

std::chrono::microseconds round_trip(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return {};
    if (info.tcpi_min_rtt == ~0U) return {};  // no sample yet
    return std::chrono::microseconds{info.tcpi_min_rtt};
}

}  // namespace inout
