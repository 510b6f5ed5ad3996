// The gatekeeper: who a peer is, and what that one may do.
//
// An identity is a key whose secret the peer has proven to know, or the name of its verified
// certificate, or nobody; or another proxy of the cluster, which asks for somebody else. Made for
// each configuration; thread-safe. What may be done is asked for every stream and every parked
// connection.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/log.hpp"
#include "common/base/secret.hpp"
#include "common/config/types.hpp"
#include "common/net/connection.hpp"
#include "common/rules/access_policy.hpp"
#include "common/rules/replay_guard.hpp"
#include "common/wire/message.hpp"
#include "common/wire/proof.hpp"

namespace inout::proxy {

/// Who somebody has proven to be, and what that rests on: a key may be replaced, and the CA of a
/// certificate.
struct Standing {
    const Identity identity;
    const std::shared_ptr<const void> ground;  ///< nothing: anonymous
    /// Of a proxy of the cluster, in a stream: for whom it asks.
    const std::optional<Identity> origin{};

    /// Who wants the stream.
    const Identity& asker() const { return origin ? *origin : identity; }
    bool is_hop() const { return identity.kind == Identity::Kind::proxy; }
};
using StandingPtr = std::shared_ptr<const Standing>;
/// Of who has proven nothing.
StandingPtr nobody();

/// What it asks to register, if that is a pattern; nothing, too, if it is a wrong one.
std::optional<TopicPattern> pattern_of(const OutRequest& request);

class Gatekeeper {
  public:
    explicit Gatekeeper(const ProxyConfig& config);

    /// Reads the secrets; what is wrong with them. What has been proven to `before` by a key whose
    /// secret is the same holds here, and no proof that was used there can be used again.
    /// `same_clients`: it trusts the same certificates, too.
    ConfigProblems load(const Gatekeeper* before = nullptr, bool same_clients = false);

    struct Denial {
        Code code;
        std::string message;  ///< for the peer: no more than it may know
        std::string reason;   ///< for our log
        std::string identity{};
        std::string reference{};  ///< in `message` too: what the two logs have in common
        bool by_stranger = true;  ///< nobody that we know
        std::optional<std::int64_t> time_ms{};  ///< with Code::clock: ours
    };
    /// Who has sent this request, if that one may. An OutDataRequest is judged here only if another
    /// proxy has passed it on: what else it has to show, its registration says. `nonce` is what
    /// this connection was given, if it carries one stream after another; that the request is the
    /// next one there, the caller has checked.
    Result<StandingPtr, Denial> admit(const Message& request, const Connection& connection,
                                      std::string_view nonce = {}) const;
    /// Whether a data connection shows, for its ticket and on this connection, that it has the key
    /// with which `owner` has registered.
    bool has_key_of(const Identity& owner, const OutDataRequest& request,
                    const Connection& connection) const;
    /// Who this connection's certificate says it is; nothing without one, or where TLS can not tell
    /// whose it is.
    std::optional<Identity> certificate_of(const Connection& connection) const;
    /// The same of a data connection, which may have come over another proxy.
    std::optional<Identity> certificate_of(const OutDataRequest& request,
                                           const Connection& connection) const;
    /// For a new registration at this proxy, which has this id. In a cluster it says so.
    std::string new_ticket(std::string_view proxy) const;
    /// Whether a proxy of the cluster may have made this ticket: it has the MAC of one, or none
    /// where one has no key. False without a cluster.
    bool may_be_of_cluster(std::string_view ticket) const;
    /// Whether it holds still, if it did with an earlier gatekeeper.
    bool holds(const Standing& standing) const;
    /// Whether this one may do that, now.
    bool allows(const Standing& standing, Right right, std::string_view topic) const {
        if (!holds(standing)) return false;
        if (standing.is_hop()) return missing_for_hop(standing, topic).empty();
        return policy_.allows(standing.identity, right, topic);
    }
    /// Whether it may be registered for this topic, or for all that match the pattern.
    bool allows_out(const Standing& standing, std::string_view topic,
                    const std::optional<TopicPattern>& pattern) const {
        if (!pattern) return allows(standing, Right::out, topic);
        return holds(standing) && policy_.allows_out(standing.identity, *pattern);
    }
    /// Why this one is told nothing of a topic: it could not open a stream to it, or register it.
    std::optional<Denial> judge_probe(const Standing& standing, const ProbeRequest& request) const;
    bool may_park_spare(const Standing& standing) const {
        return holds(standing) && (standing.is_hop() || policy_.may_park_spare(standing.identity));
    }
    /// Whether it is believed whose the streams are that it asks for.
    bool may_tell_client(const Standing& standing) const;
    /// Proofs that were used here and could be used again, by whose they are (keys, and proxies of
    /// the cluster), for the gatekeeper of the next process: such proofs are refused here from now
    /// on, until keep_proofs().
    using Proofs = std::vector<std::pair<Identity, std::vector<ReplayGuard::Tag>>>;
    Proofs give_proofs() const;
    void keep_proofs() const;
    /// Of the process before this one.
    void take_proof(const Identity& owner, const ReplayGuard::Tag& tag) const;
    /// Whether running streams end with what allowed them.
    bool ends_streams() const { return revoke_ == Revoke::streams; }
    /// Whether anything is forbidden to anybody.
    bool protects() const { return policy_.protects(); }
    /// Which permissions there are, where those of all proxies should be the same; else empty.
    const std::string& lists() const { return lists_; }

  private:
    struct Key;
    /// Another proxy of the cluster, known by its certificate where it has no key; or all of them,
    /// where they share one key.
    struct Peer {
        std::string certificate;
        std::vector<TopicPattern> ask;  ///< what it may ask for
        bool client = false;            ///< it is believed whose its streams are
    };
    using Keys = std::unordered_map<std::string, std::shared_ptr<Key>>;

    static Result<std::shared_ptr<Key>, std::string> load_key(const Identity& owner,
                                                              const std::string& file,
                                                              const Keys* before);
    bool holds_peer(const Standing& standing) const;
    void load_peers(const Gatekeeper* before, ConfigProblems& problems);
    Result<StandingPtr, Denial> identify_peer(const Message& request, const TlsSession* tls,
                                              const ProofChannel& channel) const;
    std::optional<Denial> judge_hop(const Standing& standing, const Message& request) const;
    /// What stands in the way of a stream for which a peer asks; empty: nothing.
    std::string missing_for_hop(const Standing& standing, std::string_view topic) const;
    Result<StandingPtr, Denial> identify(const Message& request, const TlsSession* tls,
                                         std::string_view nonce) const;
    std::optional<Denial> check(const Message& request, const Proof& proof, Key& key,
                                const ProofChannel& channel) const;
    /// A proof of version 1 alone: refused, or warned of.
    std::optional<Denial> judge_old_proof(Key& key, const Proof& proof) const;

    const std::vector<KeyEntry> entries_;
    const OldProofs old_proofs_;
    const Revoke revoke_;
    const AccessPolicy policy_;
    Keys keys_;
    const std::optional<ClusterOptions> cluster_;
    const std::string lists_;
    // By their ids; where all proxies have one key, by the cluster's name.
    Keys peer_keys_;
    std::unordered_map<std::string, Peer> peers_;
    std::shared_ptr<Key> own_key_;  // by which the others know us; nothing: by our certificate
    std::vector<std::shared_ptr<Key>> keys_before_;  // of peers, before their last change
    std::shared_ptr<const void> clients_;            // the ground of certificates
};

}  // namespace inout::proxy
