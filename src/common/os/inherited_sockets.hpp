// Listening sockets that this process was given by who started it: the process of the same program
// that it takes over from, or a service manager (sd_listen_fds(3)). They are known by their address
// or, where the kernel has chosen the port, by the name they were given. Main thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/os/descriptor_channel.hpp"

struct sockaddr;

namespace inout {

/// Begins the name under which a UNIX socket is handed on whose file is a service manager's.
inline constexpr std::string_view kOfManager = "manager ";

/// A UNIX socket that was given.
struct InheritedSocket {
    UniqueFd fd;              ///< nothing: there was none
    bool of_manager = false;  ///< whose file it stays
};

class InheritedSockets {
  public:
    /// Also a word without one.
    void add(NamedDescriptor socket);
    /// Those that a service manager gave, and says so in the environment.
    void add_activated();

    /// One that listens at this address (a port of 0: with this name), or nothing. At all addresses
    /// of IPv6 it is one that takes IPv4 as well, which can not be changed any more.
    UniqueFd take(const sockaddr& address, std::string_view name);
    /// One that listens at this path.
    InheritedSocket take(const std::string& path);
    /// The word that begins so, without that; empty: there is none.
    std::string word(std::string_view begin) const;
    /// Closes what nobody has taken; the addresses.
    std::vector<std::string> close_rest();

  private:
    std::vector<NamedDescriptor> sockets_;
    bool of_manager_ = false;  // all of them
};

/// Those of this process.
InheritedSockets& inherited_sockets();

}  // namespace inout
