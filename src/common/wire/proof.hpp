// Proofs of identity: that who sent a first message knows the secret of the key that it names.
//
// The secret never travels. A proof is good for one message, at about one time, on one kind of
// connection and, over TLS, on one connection (docs/protocol.md, "Identity", has its bytes).
// Whether it was used before is the replay guard's question. Pure: clock and secrets are arguments;
// usable from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/crypto.hpp"
#include "common/base/secret.hpp"
#include "common/wire/message.hpp"

namespace inout {

/// The connection that carries a proven message.
struct ProofChannel {
    bool tls = false;
    /// Its exporter value (RFC 5705), which no other connection has; empty without TLS, and over a
    /// TLS that has none that is safe (TLS 1.2 without RFC 7627).
    std::string exporter{};
    /// What the proxy's Response has given this connection; covered where requests are counted.
    std::string nonce{};

    /// Over TLS without an exporter value a proof would be good on other connections as well.
    bool can_bind() const { return !tls || !exporter.empty(); }
};

/// Version 1 says neither the kind of connection nor what has come into messages since. It is made
/// and accepted for the programs of our last release only.
enum class ProofVersion { v1 = 1, v2 = 2 };

Digest proof_mac(ProofVersion version, const Secret& secret, std::string_view key_id,
                 const Message& message, std::int64_t time_ms, const ProofChannel& channel);

/// Puts a proof of both versions into an OutRequest, InRequest or InWarmRequest whose other members
/// are final; over TLS an OutRequest is `bound`, and an OutDataRequest with a ticket gets its
/// `mac`. Other messages carry none and stay as they are, and so does every message where `channel`
/// can not bind one. An InRequest that is_counted() gets version 2 alone, which every proxy that
/// counts knows, and so does what is_hop().
void prove(Message& message, std::string_view key_id, const Secret& secret, std::int64_t now_ms,
           const ProofChannel& channel);

/// The message's proof, whose `key` says which secret checks it; nullptr if there is none.
const Proof* proof_of(const Message& message);

/// An InRequest on a connection that carries one stream after another. Its proof covers the
/// connection's nonce and which stream it is.
bool is_counted(const Message& message);

enum class ProofVerdict {
    good,
    wrong,          ///< another secret, another message, another connection, or no proof
    early_or_late,  ///< right, but kProofWindow or more off: the clocks disagree, or it is old
};
/// Version 2 counts where there is one; a wrong one is not saved by a right one of version 1. Of a
/// counted request nothing else is good, and nothing at all without a nonce. The clock is looked at
/// last, so that only who knows the secret learns about ours.
ProofVerdict check_proof(const Message& message, const Secret& secret, std::int64_t now_ms,
                         const ProofChannel& channel);

/// Whether it is one proxy's request to another one of its cluster. Its proof is one of version 2
/// with a label of its own, so that neither is good in place of the other, and covers who has
/// asked; there is no version 1 of it.
bool is_hop(const Message& message);

/// What an OutDataRequest of a bound registration shows: that who knows the ticket, on this TLS
/// connection, knows the secret too. Good on one connection, and so without a time.
Digest data_mac(const Secret& secret, std::string_view key_id, std::string_view ticket,
                const ProofChannel& channel);
/// Whether `request` shows it. Compares in constant time.
bool check_data_mac(const OutDataRequest& request, const Secret& secret, std::string_view key_id,
                    const ProofChannel& channel);

/// What two uses of one proof have in common, whichever of its versions they show: the guard
/// against replays remembers this.
Digest proof_tag(const Message& message, const Secret& secret, const ProofChannel& channel);

}  // namespace inout
