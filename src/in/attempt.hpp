// What one attempt to open a client's stream, on one connection to the proxy, means for the client.
// Pure.
#pragma once

#include "common/open/ask.hpp"

namespace inout::in {

inline Reason client_gone() { return {Code::client_gone, "the client reset its connection"}; }

struct Attempt {
    /// How things stand when ask() has returned.
    struct Facts {
        bool spare = false;         ///< it was a spare connection, which may have died unnoticed
        bool client_reset = false;  ///< the client has reset its connection
        bool has_taken = false;     ///< bytes of the client went into this connection
        bool timed_out = false;     ///< the time for the whole open is over
    };
    enum class Verdict {
        open,         ///< raw bytes follow
        fresh,        ///< the spare had ended, and nothing was begun with it: a fresh one
        unreachable,  ///< over: no answer of the proxy
        failed,       ///< over: the client has gone, or no time is left, or the answer is no
    };
    Verdict verdict;
    Reason reason{Code::none, {}};  ///< unless open

    /// The connection ended, or spoke no sense, before an answer came.
    bool was_unanswered() const { return reason.code == Code::proxy_unreachable; }
};

/// `failure`: of ask(); nothing if that has opened the stream. A client that has sent something and
/// then reset its connection has its stream opened all the same. `server`: for words.
inline Attempt judge(const NotOpened* failure, const Attempt::Facts& facts,
                     const HostPort& server) {
    using enum Attempt::Verdict;
    if (facts.client_reset && !facts.has_taken) return {failed, client_gone()};
    if (facts.timed_out) {
        return {failed,
                {Code::open_timeout,
                 "no answer from the proxy in time; is " + to_string(server) + " an inout proxy?"}};
    }
    if (failure == nullptr) return {open};
    if (failure->answered) {
        return {facts.spare && failure->has_ended ? fresh : failed, failure->reason};
    }
    return {facts.spare && !facts.has_taken ? fresh : unreachable, failure->reason};
}

}  // namespace inout::in
