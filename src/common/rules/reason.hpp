// Why something that was asked for was not done: a code for programs, and words for people. What
// can fail on the way of an open or of a registration fails with it. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace inout {

/// The `code` of a Response, and of the log line `open_failed`.
enum class Code {
    none,                ///< success
    no_topic,            ///< nobody has registered this topic
    no_out,              ///< the topic's out went away while the stream was opened
    open_timeout,        ///< no data connection, or no answer on it, in time
    backend_refused,     ///< the backend's host answered, but not that port, or with a reset
    backend_timeout,     ///< the backend did not answer in time, or can not be reached
    backend_unresolved,  ///< the backend's name did not resolve
    denied,              ///< not permitted
    clock,               ///< the proof is right, but the peer's clock is not
    e2e,                 ///< end-to-end encryption failed, or only one side has it
    quota,               ///< a key has moved as many bytes as it may
    limit,               ///< a limit is reached, or something has run out where it is said
    penalised,           ///< too many failures came from this address: later
    unready,             ///< the out is there, but takes no streams now
    draining,            ///< the program is ending and takes no new streams
    no_directory,        ///< nobody here has the topic, and the directory can not be asked
    version,             ///< the peer's protocol version is not 0.0.1
    malformed,           ///< the message is not what it should be
    unknown,             ///< an error without a code, from a 0.0.1 peer
    // In the log of the program that says it, and never sent:
    proxy_unreachable,  ///< no connection to the proxy, or lost before its answer
    client_gone,        ///< in: who asked for the stream went away while it was opened
    in_gone,            ///< proxy: the same
    proxy_gone,         ///< out: the same; in: the proxy, while out was asked
};

inline constexpr std::size_t kCodes = static_cast<std::size_t>(Code::proxy_gone) + 1;

/// Its word; "" for none.
std::string_view to_string(Code code);
/// What a peer has sent: Code::unknown for any word that is not in the table, or is never sent.
Code code_from(std::string_view word);

struct Reason {
    Code code;
    std::string detail;  ///< for people; may hold a peer's words, cut and escaped by the log
};

}  // namespace inout
