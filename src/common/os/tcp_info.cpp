#include "common/os/tcp_info.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>

namespace inout {
namespace {

/// Nothing for what is no TCP connection any more.
std::optional<tcp_info> info_of(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    return info;
}

}  // namespace

TcpSample sample_tcp(int fd) {
    constexpr unsigned char kStateClose = 7, kStateTimeWait = 6;  // TCP_CLOSE, TCP_TIME_WAIT
    const auto info = info_of(fd);
    if (!info) return {.closed = true};
    return {
        .closed = info->tcpi_state == kStateClose || info->tcpi_state == kStateTimeWait,
        .unacked = info->tcpi_unacked,
        .unsent_bytes = info->tcpi_notsent_bytes,
        .probes = info->tcpi_probes,
        .last_ack = Milliseconds{info->tcpi_last_ack_recv},
        .acked_bytes = info->tcpi_bytes_acked,
    };
}

std::chrono::microseconds round_trip(int fd) {
    const auto info = info_of(fd);
    if (!info || info->tcpi_min_rtt == ~0U) return {};  // ~0: no sample yet
    return std::chrono::microseconds{info->tcpi_min_rtt};
}

}  // namespace inout
