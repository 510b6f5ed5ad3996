#include "common/os/socket.hpp"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace inout {
namespace {

int buffer_bytes = 0;  // 0: the kernel's choice

void set_option(int fd, int level, int name, int value) {
    // Can only fail on a socket that is already gone, which the next operation reports.
    ::setsockopt(fd, level, name, &value, sizeof value);
}

void set_linger(int fd, bool reset_on_close) {
    const linger value{reset_on_close ? 1 : 0, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

/// poll(2)'s word for these events now; 0: nothing.
int poll_now(int fd, short events) {
    pollfd state{fd, events, 0};
    return ::poll(&state, 1, 0) > 0 ? state.revents : 0;
}

}  // namespace

void set_buffer_bytes(int bytes) { buffer_bytes = bytes; }

void set_connection_options(int fd) {
    // Before the connection is made: the kernel decides then how large its window may become.
    if (buffer_bytes > 0) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
        set_option(fd, SOL_SOCKET, SO_SNDBUF, buffer_bytes);
    }
    set_linger(fd, true);
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
    // Urgent data stays in the stream: a relay that skips it would lose a byte (tcp(7)).
    set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);
}

void close_with_fin(int fd) { set_linger(fd, false); }

KeepaliveTimes keepalive_times(double idle_chance, double interval_chance) {
    const auto between = [](int least, int most, double chance) {
        return least + static_cast<int>(chance * (most - least + 1));
    };
    return {between(kKeepaliveIdleMinS, kKeepaliveIdleMaxS, idle_chance),
            between(kKeepaliveIntervalMinS, kKeepaliveIntervalMaxS, interval_chance)};
}

void set_keepalive_times(int fd, KeepaliveTimes times) {
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, times.idle_s);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, times.interval_s);
}

void set_keepalive(int fd, KeepaliveTimes times) {
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
    set_keepalive_times(fd, times);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

void give_up_after(int fd, Milliseconds time) {
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(time.count()));
}

UniqueFd make_listen_socket(int family) {
    return UniqueFd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

UniqueFd begin_connect(const sockaddr& address, std::size_t size) {
    UniqueFd fd(::socket(address.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fd;
    set_connection_options(fd.get());
    const bool failed = ::connect(fd.get(), &address, static_cast<socklen_t>(size)) != 0;
    if (!failed || errno == EINPROGRESS || errno == EINTR) return fd;
    const int error = errno;
    fd.reset();
    errno = error;
    return fd;
}

ConnectState connect_state(int fd) {
    const int state = poll_now(fd, POLLOUT);
    if (state == 0) return ConnectState::pending;
    return state == POLLOUT ? ConnectState::connected : ConnectState::failed;
}

bool own_address(int fd, sockaddr& address, std::size_t& size) {
    auto needed = static_cast<socklen_t>(size);
    if (::getsockname(fd, &address, &needed) != 0) return false;
    size = needed;
    return true;
}

bool far_address(int fd, sockaddr& address, std::size_t& size) {
    auto needed = static_cast<socklen_t>(size);
    if (::getpeername(fd, &address, &needed) != 0) return false;
    size = needed;
    return true;
}

/// What leads here has itself for its source (ip_route_output_key in Linux; RFC 6724, 5, rule 1).
bool is_own_address(const sockaddr& address, std::size_t size) {
    const UniqueFd probe(::socket(address.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!probe) return true;
    if (::connect(probe.get(), &address, static_cast<socklen_t>(size)) != 0) return false;
    sockaddr_storage source{};
    socklen_t needed = sizeof source;
    if (::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&source), &needed) != 0) return true;
    if (address.sa_family == AF_INET) {
        const auto& to = reinterpret_cast<const sockaddr_in&>(address);
        const auto& from = reinterpret_cast<const sockaddr_in&>(source);
        return to.sin_addr.s_addr == from.sin_addr.s_addr;
    }
    const auto& to = reinterpret_cast<const sockaddr_in6&>(address);
    const auto& from = reinterpret_cast<const sockaddr_in6&>(source);
    return std::memcmp(&to.sin6_addr, &from.sin6_addr, sizeof to.sin6_addr) == 0;
}

bool has_own_address_towards(const sockaddr& address, std::size_t size) {
    const UniqueFd probe(::socket(address.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return probe && ::connect(probe.get(), &address, static_cast<socklen_t>(size)) == 0;
}

UniqueFd accept_one(int listening, sockaddr& address, std::size_t& size) {
    auto needed = static_cast<socklen_t>(size);
    UniqueFd fd(::accept4(listening, &address, &needed, SOCK_NONBLOCK | SOCK_CLOEXEC));
    size = needed;
    return fd;
}

std::optional<PeerCredentials> peer_credentials(int fd) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
    // The highest number stands for none: the peer is no UNIX socket, or was none of a process.
    if (peer.uid == ~0U) return std::nullopt;
    return PeerCredentials{peer.pid, peer.uid, peer.gid};
}

int take_error(int fd) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

bool has_input(int fd) {
    char byte = 0;
    return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

bool has_exceptional_state(int fd) { return poll_now(fd, POLLPRI) != 0; }

void stop_receiving(int fd) { ::shutdown(fd, SHUT_RD); }

void for_each_own_address(const std::function<void(const sockaddr&, std::size_t)>& look) {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return;
    const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
    for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
        const int family = one->ifa_addr != nullptr ? one->ifa_addr->sa_family : AF_UNSPEC;
        if (family == AF_INET) look(*one->ifa_addr, sizeof(sockaddr_in));
        if (family == AF_INET6) look(*one->ifa_addr, sizeof(sockaddr_in6));
    }
}

}  // namespace inout
