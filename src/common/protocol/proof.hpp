// Proofs of identity: that who sent a first message knows the secret of the key that it names.
//
// The secret never travels. A proof is good for one message, at about one time and, over TLS, on
// one connection (docs/protocol.md, "Identity", has its bytes). Whether it was used before is the
// replay guard's question. Pure: clock and secrets are arguments; usable from any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/base/crypto.hpp"
#include "common/base/secret.hpp"
#include "common/protocol/message.hpp"

namespace inout {

/// `exporter` in all of these: the TLS connection's exporter value (RFC 5705); empty without TLS.
Digest proof_mac(const Secret& secret, std::string_view key_id, const Message& message,
                 std::int64_t time_ms, std::string_view exporter);

/// Puts a proof into an OutRequest, InRequest or InWarmRequest whose other members are final; other
/// messages carry none and stay as they are.
void prove(Message& message, std::string_view key_id, const Secret& secret, std::int64_t now_ms,
           std::string_view exporter);

/// The message's proof, whose `key` says which secret checks it; nullptr if there is none.
const Proof* proof_of(const Message& message);

enum class ProofVerdict {
    good,
    wrong,          ///< another secret, another message, another connection, or no proof
    early_or_late,  ///< right, but kProofWindow or more off: the clocks disagree, or it is old
};
/// The clock is looked at last, so that only who knows the secret learns about ours.
ProofVerdict check_proof(const Message& message, const Secret& secret, std::int64_t now_ms,
                         std::string_view exporter);

}  // namespace inout
