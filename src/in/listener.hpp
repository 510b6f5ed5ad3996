// Listener: a place where clients come, a port or a UNIX socket, and what they get there: streams
// of the newest configuration. Owned by the service; main thread, but for `network`, which sessions
// share.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/acceptor.hpp"
#include "common/os/socket_file.hpp"
#include "in/network.hpp"

namespace inout::in {

struct Listener {
    explicit Listener(asio::io_context& context) : acceptor(context) {}

    /// Listens there; the failure says why not. `address`: that of a port, looked up.
    std::optional<std::string> open(const InNetwork& config, const Resolved& address);
    /// Listens no more; the socket's file goes first, so that nobody comes in between.
    void close();

    Acceptor acceptor;
    SocketFile file;                         ///< of a UNIX socket
    std::vector<std::string> places;         ///< for the log
    std::shared_ptr<const Network> network;  ///< nothing: it is new, and nobody is let in yet
};
using Listeners = std::vector<std::shared_ptr<Listener>>;

/// What a listener is known by: the place where it listens or, where the kernel chooses the port,
/// what it is for.
std::string place_of(const InNetwork& config);

/// A line for each of their places; for ports of one range that follow one another, one line.
void say(std::string_view event, const Listeners& listeners);

}  // namespace inout::in
