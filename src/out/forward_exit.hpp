// An exit's part of a stream: its client says in SOCKS or HTTP where it wants to go, that is
// dialled if it may be, and the client is answered. What follows is the stream. On the stream's
// worker.
#pragma once

#include <memory>
#include <string>

#include "common/net/connection.hpp"
#include "common/rules/reason.hpp"
#include "common/wire/forward_request.hpp"
#include "out/network.hpp"

namespace inout::out {

/// How a client's conversation has ended.
struct Exited {
    ConnectionPtr connection{};  ///< to where it wants to go; nothing: it was refused, or is gone
    /// What it has asked for, "example.com:443"; nothing: it has not come to that.
    std::shared_ptr<const std::string> destination{};
    Reason reason{Code::none, {}};  ///< why there is no connection
    /// It was told why, and the stream ends as others do; else there is nobody to tell.
    bool was_told = false;
};

/// Reads what the client at the other end of `stream` asks for, dials and answers it, each within
/// `open_timeout`. What has come behind the request is still unread afterwards. `stream` must
/// outlive the call.
Task<Exited> serve_client(Connection& stream, std::shared_ptr<const Network> network);

/// What a client is told of a dial that has failed.
ForwardFailure failure_of(const DialError& error);

}  // namespace inout::out
