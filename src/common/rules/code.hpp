// Why an open or a registration failed: the machine-readable `code` of a Response and of a log
// line. Pure.
#pragma once

#include <string_view>

namespace inout {

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
    limit,               ///< a limit is reached, or something has run out where it is said
    penalised,           ///< too many failures came from this address: later
    unready,             ///< the out is there, but takes no streams now
    draining,            ///< the program is ending and takes no new streams
    version,             ///< the peer's protocol version is not 0.0.1
    malformed,           ///< the message is not what it should be
    unknown,             ///< an error without a code, from a 0.0.1 peer
};

/// The word on the wire and in the log; "" for none.
std::string_view to_string(Code code);
/// Code::unknown for any word that is not in the table.
Code code_from(std::string_view word);

}  // namespace inout
