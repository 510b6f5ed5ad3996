// Sockets of the kernel, by their descriptors: how they are made, what options they carry, and what
// they say when they are asked. Nothing here waits.
//
// Addresses are the kernel's (sockaddr), as the event loop's endpoints hold them. set_buffer_bytes
// on the main thread, before the others; the rest on any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "common/base/limits.hpp"
#include "common/os/unique_fd.hpp"

struct sockaddr;

namespace inout {

/// What the kernel may hold of each direction of a connection, for those made from now on
/// (SO_RCVBUF, SO_SNDBUF; socket(7)); 0: it adapts that itself. Once, before the first connection.
void set_buffer_bytes(int bytes);

/// The options every connection has from its first moment; accepted sockets inherit them from the
/// listening one. Its close is an RST until close_with_fin().
void set_connection_options(int fd);
/// Closing it delivers what the kernel holds, and ends with FIN.
void close_with_fin(int fd);
/// Seconds without a word before the first probe, and between probes (tcp(7)).
struct KeepaliveTimes {
    int idle_s, interval_s;
};
/// From the least to the most of limits.hpp; each chance in [0, 1).
KeepaliveTimes keepalive_times(double idle_chance, double interval_chance);
void set_keepalive_times(int fd, KeepaliveTimes times);
/// Switches keepalive on; of a listening socket, for what it accepts.
void set_keepalive(int fd, KeepaliveTimes times);
/// TCP_USER_TIMEOUT (tcp(7)); 0: the kernel's own.
void give_up_after(int fd, Milliseconds time);

/// A TCP socket of this family (AF_INET, AF_INET6) for a listener, which no program that is started
/// inherits. Nothing, and errno.
UniqueFd make_listen_socket(int family);
/// A non-blocking TCP socket on its way to this address, with the connection options. Nothing, and
/// errno: it could not be made or has failed at once.
UniqueFd begin_connect(const sockaddr& address, std::size_t size);
enum class ConnectState { pending, connected, failed };
/// How that stands now; take_error() has the reason of a failure.
ConnectState connect_state(int fd);
/// Our own address of a connection, written as by accept_one(); false, and errno.
bool own_address(int fd, sockaddr& address, std::size_t& size);
/// Whether this machine has an address from which that one could be reached (EADDRNOTAVAIL says
/// this or that no port is free). Datagrams have ports of their own and need the same address.
bool has_own_address_towards(const sockaddr& address, std::size_t size);
/// Whether a dial of this address ends at this machine itself, whoever else may think that it has
/// it; true also if nobody can tell, because descriptors have run out.
bool is_own_address(const sockaddr& address, std::size_t size);
/// The address of the other end, as own_address().
bool far_address(int fd, sockaddr& address, std::size_t& size);
/// The next connection of a listening socket, not blocking; its peer's address is written to
/// `address`, which has room for `size` bytes, and `size` is what was needed. Nothing, and errno.
UniqueFd accept_one(int listening, sockaddr& address, std::size_t& size);

/// Who has made a connection of a UNIX socket, or listens at its other side (SO_PEERCRED, unix(7)).
struct PeerCredentials {
    int pid;  ///< 0: of a process that is not to be seen from here
    unsigned uid, gid;
};
/// Nothing: it is none, or the kernel does not know.
std::optional<PeerCredentials> peer_credentials(int fd);

/// The error that the kernel holds, 0 if none; asking clears it (SO_ERROR, socket(7)).
int take_error(int fd);
/// Whether the kernel holds bytes, an end or an error.
bool has_input(int fd);
/// Whether a wait for errors would end at once without one: urgent data, or both directions over.
bool has_exceptional_state(int fd);
/// No more is received: what has arrived is still read, and then the end, which wakes who waits.
/// Fails harmlessly if the kernel knows of a reset.
void stop_receiving(int fd);

/// Calls `look` with each IPv4 and IPv6 address of this machine's interfaces (getifaddrs(3)).
void for_each_own_address(const std::function<void(const sockaddr&, std::size_t)>& look);

}  // namespace inout
