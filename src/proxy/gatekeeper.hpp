// The gatekeeper: who a peer is, and what that one may do.
//
// An identity is a key whose secret the peer has proven to know, or the name of its verified
// certificate, or nobody. Made at start; thread-safe. What may be done is asked for every stream
// and every parked connection.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "common/base/log.hpp"
#include "common/base/secret.hpp"
#include "common/config/types.hpp"
#include "common/net/connection.hpp"
#include "common/rules/access_policy.hpp"
#include "common/rules/replay_guard.hpp"
#include "common/wire/message.hpp"
#include "common/wire/proof.hpp"

namespace inout::proxy {

class Gatekeeper {
  public:
    explicit Gatekeeper(const ProxyConfig& config);

    /// Reads the secrets; what is wrong with them.
    ConfigProblems load();

    struct Denial {
        Code code;
        std::string message;  ///< for the peer: no more than it may know
        std::string reason;   ///< for our log
        std::string identity{};
        std::string reference{};  ///< in `message` too: what the two logs have in common
        bool by_stranger = true;  ///< nobody that we know
        std::optional<std::int64_t> time_ms{};  ///< with Code::clock: ours
    };
    /// Who has sent this request, if that one may. An OutDataRequest is not judged here: what it
    /// has to show, its registration says. `nonce` is what this connection was given, if it carries
    /// one stream after another; that the request is the next one there, the caller has checked.
    Result<Identity, Denial> admit(const Message& request, const Connection& connection,
                                   std::string_view nonce = {});
    /// Whether a data connection shows, for its ticket and on this connection, that it has the key
    /// with which `owner` has registered.
    bool has_key_of(const Identity& owner, const OutDataRequest& request,
                    const Connection& connection) const;
    /// Who this connection's certificate says it is; nothing without one, or where TLS can not tell
    /// whose it is.
    std::optional<Identity> certificate_of(const Connection& connection) const;
    /// Whether who registered this topic may still have it.
    bool may_serve(const Identity& identity, std::string_view topic) const {
        return policy_.allows(identity, Right::out, topic);
    }
    /// Whether anything is forbidden to anybody.
    bool protects() const { return policy_.protects(); }

  private:
    struct Key {
        Secret secret;
        std::mutex mutex;
        ReplayGuard used;  // of proofs that fit more than one place: see check()
        log::RateLimit old_proofs{kOldProofWarning};
    };
    Result<Identity, Denial> identify(const Message& request, const TlsSession* tls,
                                      std::string_view nonce);
    std::optional<Denial> check(const Message& request, const Proof& proof,
                                const ProofChannel& channel);
    /// A proof of version 1 alone: refused, or warned of.
    std::optional<Denial> judge_old_proof(Key& key, const Proof& proof) const;

    const ProxyConfig& config_;
    const AccessPolicy policy_;
    std::unordered_map<std::string, std::unique_ptr<Key>> keys_;
};

}  // namespace inout::proxy
