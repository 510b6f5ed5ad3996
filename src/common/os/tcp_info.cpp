#include "common/os/tcp_info.hpp"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <climits>
#include <cstddef>
#include <optional>

namespace inout {
namespace {

int unacknowledged_bytes(int fd) {
    int bytes = 0;
    ::ioctl(fd, SIOCOUTQ, &bytes);
    return bytes;
}

/// What is written is with the peer at once: nothing is under way, and nothing can be lost.
TcpSample sample_local(int fd) {
    pollfd state{fd, 0, 0};
    const int unread = unacknowledged_bytes(fd);
    const bool closed = ::poll(&state, 1, 0) > 0 && (state.revents & POLLHUP) != 0;
    return {.closed = closed,
            .acked_bytes = static_cast<std::uint64_t>(INT_MAX - unread),
            .unread = unread > 0 && !closed};
}

bool is_unix_socket(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

struct Info : tcp_info {
    bool is_short = false;  ///< it ends before what is looked at
};

/// Nothing for what is no TCP connection any more.
std::optional<Info> info_of(int fd) {
    Info info{};
    socklen_t size = sizeof(tcp_info);
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    info.is_short = size < offsetof(tcp_info, tcpi_min_rtt) + sizeof info.tcpi_min_rtt;
    return info;
}

/// Of 4 bytes, which is what qemu-user gives of it: the state and the probes. The rest is what
/// SIOCOUTQ knows, a FIN included (tcp(7)). How long ago the last acknowledgement came nobody says.
TcpSample sample_short(int fd, const Info& info, bool closed) {
    const int bytes = closed ? 0 : unacknowledged_bytes(fd);
    return {.closed = closed,
            .unacked = bytes > 0 ? 1U : 0U,
            .probes = info.tcpi_probes,
            .acked_bytes = static_cast<std::uint64_t>(INT_MAX - bytes)};
}

}  // namespace

TcpSample sample_tcp(int fd) {
    constexpr unsigned char kStateClose = 7, kStateTimeWait = 6;  // TCP_CLOSE, TCP_TIME_WAIT
    const auto info = info_of(fd);
    if (!info) return is_unix_socket(fd) ? sample_local(fd) : TcpSample{.closed = true};
    const bool closed = info->tcpi_state == kStateClose || info->tcpi_state == kStateTimeWait;
    if (info->is_short) return sample_short(fd, *info, closed);
    return {
        .closed = closed,
        .unacked = info->tcpi_unacked,
        .unsent_bytes = info->tcpi_notsent_bytes,
        .probes = info->tcpi_probes,
        .last_ack = Milliseconds{info->tcpi_last_ack_recv},
        .acked_bytes = info->tcpi_bytes_acked,
    };
}

std::chrono::microseconds round_trip(int fd) {
    const auto info = info_of(fd);
    if (!info || info->is_short || info->tcpi_min_rtt == ~0U) return {};  // ~0: no sample yet
    return std::chrono::microseconds{info->tcpi_min_rtt};
}

}  // namespace inout
