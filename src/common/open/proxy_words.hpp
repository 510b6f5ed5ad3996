// Why what answers at a proxy's address is no proxy, in words for the log of in and out: a wrong
// port is the most common mistake. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/net/frame_io.hpp"

namespace inout {

/// There was no first answer. `secured`: over TLS.
std::string why_no_answer(const ReadError& error, const HostPort& server, bool secured);
/// The same when its time is over.
std::string why_silent(const HostPort& server);
/// What came instead of a TLS handshake: TlsSession::seen, which is not empty.
std::string why_no_handshake(std::string_view seen, const HostPort& server);
/// What a failed TLS handshake probably means, to stand behind its reason; may be empty.
std::string_view tls_hint(std::string_view failure);

}  // namespace inout
