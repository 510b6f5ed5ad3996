// The head of a request or an answer over HTTP that a stream follows, read from a connection:
// bounded, and as cheap for whoever sends it in pieces. Keeps nothing; thread of the connection.
#pragma once

#include "common/base/result.hpp"
#include "common/net/connection.hpp"

namespace inout {

/// Awaits a whole head, which unread() begins with then, and returns its size. The failure:
/// std::errc::message_size if it is longer than kHttpHeadMaxBytes, or why no more of it comes;
/// unread() has what did. Nothing is taken. The time is the caller's (Deadline).
Task<Result<std::size_t, std::error_code>> read_http_head(Connection& connection);

}  // namespace inout
