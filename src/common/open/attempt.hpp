// What one attempt to open a client's stream, on one connection to the proxy, means for the client.
// Pure.
#pragma once

#include "common/open/ask.hpp"

namespace inout {

inline Reason client_gone() { return {Code::client_gone, "the client reset its connection"}; }

/// Whether another proxy may serve whom one has refused so: it has other outs, or other lists.
inline bool may_be_served_elsewhere(Code code) {
    switch (code) {
        case Code::no_topic:
        case Code::no_out:
        case Code::backend_refused:
        case Code::backend_timeout:
        case Code::backend_unresolved:
        case Code::denied:
        case Code::limit:
        case Code::penalised:
        case Code::unready:
        case Code::draining:
        case Code::no_directory:
        case Code::proxy_gone:
        case Code::unknown: return true;
        default: return false;
    }
}

struct Attempt {
    /// How things stand when ask() has returned.
    struct Facts {
        bool spare = false;         ///< it was a spare connection, which may have died unnoticed
        bool client_reset = false;  ///< the client has reset its connection
        bool has_taken = false;     ///< bytes of the client were taken
        bool has_passed = false;    ///< and went into this connection, or may have
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
    /// Over here, and another proxy may serve the client: no byte of it can have had an effect.
    bool elsewhere = false;

    /// What the proxy says of us or of itself, not of the topic: others need not ask it now.
    bool is_of_the_proxy() const { return reason.code == Code::penalised; }
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
        const bool safe = failure->untouched || !facts.has_passed;
        return {facts.spare && failure->has_ended ? fresh : failed, failure->reason,
                safe && may_be_served_elsewhere(failure->reason.code)};
    }
    return {facts.spare && !facts.has_passed ? fresh : unreachable, failure->reason,
            !facts.has_passed};
}

}  // namespace inout
