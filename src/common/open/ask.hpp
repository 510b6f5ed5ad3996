// The asking side of an opening: a request goes out, the stream's first bytes travel behind it, and
// the answer comes back, of the proxy and, with end-to-end encryption, of out. Where the connection
// came from, and what a failure is worth, its caller knows. On the worker of both connections, in
// the frame of who owns them.
#pragma once

#include <memory>
#include <string_view>

#include "common/base/host_port.hpp"
#include "common/net/frame_io.hpp"
#include "common/relay/early_data.hpp"
#include "common/rules/reason.hpp"

namespace inout {

/// What came back for a request.
struct Heard {
    Result<Message, ReadError> answer;
    std::error_code write_error;  ///< of the request; an answer may have come all the same

    /// The answer if it is one to a request of this type, else nothing.
    const Response* response_to(std::string_view request_type) const;
};

/// Sends `request` alone and awaits the answer.
Task<Heard> exchange(Connection& to, const Message& request);
/// What leaves together with a request: the stream's first bytes, as far as they are there, or,
/// with a client's session, the first flight of that.
std::string first_bytes(EarlyData& early, TlsSession* e2e);
/// The same as above with such first bytes, in the frames of a stream where the connection has
/// them. Of `early`, what comes until the answer does follows; nothing: it waits. If the request
/// could not be sent the caller tells `early` (sink_was_lost), should the stream be open.
Task<Heard> exchange(Connection& to, const Message& request, std::string first, EarlyData* early);

/// Whom to ask for a stream.
struct Asking {
    Connection& proxy;                  ///< with a Deadline that runs, for all that ask() awaits
    const HostPort& server;             ///< the proxy's address, for words
    EarlyData& early;                   ///< of who wants the stream
    std::unique_ptr<TlsSession> e2e{};  ///< with out; nothing: not encrypted end to end
    std::string first{};                ///< first_bytes()
    bool holds = false;                 ///< nothing of `early` goes there before the answer
};

/// Why a request has opened no stream.
struct NotOpened {
    Reason reason;
    /// By the word of the proxy, or in the meeting with out. Else no answer came that makes sense,
    /// and the reason is Code::proxy_unreachable: another connection may fare better, unless first
    /// bytes went into this one.
    bool answered = true;
    bool untouched = false;  ///< and by its word nothing was begun
    /// And the request was not looked at: it has crossed the end of its connection.
    bool has_ended = false;
    /// If `untouched` by the word of an out: its name, for InRequest::tried.
    std::string out{};
};

/// Sends `request` with the first bytes; the stream is open when it returns the proxy's answer.
/// From then on all goes through the session with out, if there is one. A request that says how
/// many its first bytes are offers that other streams follow this one on the connection.
Task<Result<Response, NotOpened>> ask(Asking asking, const Message& request);

}  // namespace inout
