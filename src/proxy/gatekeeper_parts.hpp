// What the files of the Gatekeeper share: how it says no, and what it keeps of a key. Part of its
// implementation. Any thread.
#pragma once

#include "proxy/gatekeeper.hpp"

namespace inout::proxy {

/// The same words whatever is wrong: a stranger learns nothing about keys. Whoever asks the proxy's
/// operator about it has the reference, which leads to the line in our log that says more.
Gatekeeper::Denial wrong_proof(std::string reason);
/// Who is known may know what is missing. Who is not learns that, and nothing about our rules.
Gatekeeper::Denial no_permission(const Identity& identity, const Message& request,
                                 std::string missing);
/// Of a connection on which no proof is worth anything. Said before a key is looked up, so that it
/// tells nothing about keys.
Gatekeeper::Denial unbound();

/// With what it has seen; shared by the gatekeepers of all configurations that have it.
struct Gatekeeper::Key {
    Secret secret;
    StandingPtr standing;  // of who has proven to have it
    std::mutex mutex;
    ReplayGuard used;          // of proofs that fit more than one place: see check()
    bool is_given_up = false;  // the next process has what was used
    log::RateLimit old_proofs{kOldProofWarning};
};

}  // namespace inout::proxy
