// What the load generator and the reference relays need of sockets; Linux only, IPv4 literals only.
//
// Everything that can not go on throws; a benchmark that failed should say so and end.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include "common/os/unique_fd.hpp"

namespace inout::bench {

/// Longer than any burst here; the kernel cuts it to net.core.somaxconn.
inline constexpr int kBacklog = 4'096;

[[noreturn]] inline void fail(const std::string& what, int error = errno) {
    throw std::system_error(error, std::generic_category(), what);
}

/// `result` of a system call, if it did not fail.
inline int check(int result, const char* what) {
    if (result < 0) fail(what);
    return result;
}

/// A whole decimal number, or one with a fraction if Number has, in [low, high].
template <class Number>
Number parse_number(std::string_view text, Number low, Number high) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() ||
        !(value >= low && value <= high)) {
        throw std::invalid_argument("'" + std::string(text) + "' is not a number from " +
                                    std::to_string(low) + " to " + std::to_string(high));
    }
    return value;
}

inline int parse_port(std::string_view text, int low = 0) {
    return parse_number<int>(text, low, std::numeric_limits<in_port_t>::max());
}

inline sockaddr_in make_address(const std::string& host, int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<in_port_t>(port));
    if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) {
        throw std::invalid_argument("'" + host + "' is not an IPv4 address");
    }
    return address;
}

inline const sockaddr* generic(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

inline void set_no_delay(int fd) {
    const int on = 1;
    check(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

/// A non-blocking listener. Accepted sockets inherit its TCP_NODELAY (tcp(7) does not say so, but
/// Linux clones the listener's socket), which saves a call for each.
inline UniqueFd listen_on(const sockaddr_in& address) {
    UniqueFd fd(check(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    const int on = 1;
    check(::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    set_no_delay(fd.get());
    check(::bind(fd.get(), generic(address), sizeof address), "bind");
    check(::listen(fd.get(), kBacklog), "listen");
    return fd;
}

/// A non-blocking connection under way. On loopback it is established when connect(2) returns, so
/// it pays to write at once; elsewhere that says EAGAIN, which costs next to nothing.
inline UniqueFd start_connect(const sockaddr_in& address) {
    UniqueFd fd(check(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket"));
    set_no_delay(fd.get());
    if (::connect(fd.get(), generic(address), sizeof address) != 0 && errno != EINPROGRESS) {
        fail("connect");
    }
    return fd;
}

/// The peer sees RST instead of an end.
inline void close_with_reset(UniqueFd& fd) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    fd.reset();
}

/// Thousands of connections need more descriptors than the usual soft limit of 1,024.
inline void raise_descriptor_limit() {
    rlimit limit{};
    check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

}  // namespace inout::bench
