// Acceptor: one listening socket and what may go wrong with accepting on it.
//
// When descriptors run out it says so once, pauses, and goes on when there are some again; waiting
// clients stay in the kernel's queue. Other errors of accept(2) speak of one client only.
#pragma once

#include <optional>
#include <string>

#include "common/net/connection.hpp"
#include "common/protocol/host_port.hpp"

namespace inout {

class Acceptor {
  public:
    explicit Acceptor(asio::io_context& context) : socket_(context), pause_(context) {}

    /// Resolves (blocking: only at start) and listens. The failure says what could not be bound.
    Result<Endpoint, std::string> listen(const HostPort& address);

    /// The next connection, which will live in `context`; nothing after close().
    Task<std::optional<Connection>> accept(asio::io_context& context);
    void close();

  private:
    ListenSocket socket_;
    Timer pause_;
    unsigned accepted_in_turn_ = 0;
    std::optional<Clock::time_point> exhausted_;  // last time; nothing: not lately
};

}  // namespace inout
