// What becomes of a forward request whose stream goes through the relay: how the failure of an open
// is told to its client, how an exit is asked for a destination, and how a request for a page is
// passed on. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/rules/reason.hpp"
#include "common/wire/forward_request.hpp"

namespace inout {

/// As the client's protocol can say it.
ForwardFailure forward_failure_of(Code code);

/// A SOCKS5 client's words up to its request, all at once, for a server that asks for no password
/// (RFC 1928, 3 and 4).
std::string socks5_request(const HostPort& target);
/// How many bytes its server's answers have, as far as those that are there tell: more than
/// `so_far` has, until all of them are there. Never more than kSocks5AnswerMaxBytes.
std::size_t socks5_answer_bytes(std::string_view so_far);
inline constexpr std::size_t kSocks5AnswerMaxBytes = 2 + 4 + 1 + 255 + 2;
/// What whole answers say. Nothing: the stream begins behind them.
std::optional<ForwardFailure> socks5_answer_failure(std::string_view answers);

/// The head of an `absolute` request for the server itself, in origin form (RFC 9112, 3.2.1), as a
/// proxy passes it on (RFC 9110, 7.6.1; RFC 9112, 3.2.2). It asks the server to close behind its
/// answer: the next request may be for another one.
std::string origin_request(const ForwardRequest& request);

}  // namespace inout
