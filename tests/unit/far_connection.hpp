// A connection that looks as one to a proxy far away, for which spare connections pay. On the
// thread that runs `context`.
#pragma once

#include <netinet/tcp.h>

#include "loopback.hpp"

namespace inout {

/// The accepted end of a connection whose handshake took longer than kSpareRoundTripMin: the
/// listener lets a connection in when its first byte comes, and it comes late.
inline ConnectionPtr connection_from_afar(asio::io_context& context) {
    const LoopbackListener listener;
    const int seconds = 10;
    ::setsockopt(listener.fd(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
    const UniqueFd other = listener.connect();
    const auto late = Clock::now() + 2 * kSpareRoundTripMin;
    EXPECT_TRUE(eventually([&] { return Clock::now() >= late; }));
    EXPECT_EQ(::send(other.get(), "x", 1, 0), 1);
    ConnectionPtr connection = adopt_owned(context, listener.accept());
    EXPECT_GE(round_trip(connection->fd()), kSpareRoundTripMin);
    return connection;
}

}  // namespace inout
