// The part of the Gatekeeper that knows the other proxies of the cluster: who has sent a request
// for somebody who asked there, and what that one may ask for here.
#include <algorithm>

#include "common/base/random.hpp"
#include "proxy/gatekeeper_parts.hpp"
#include "proxy/ticket.hpp"

namespace inout::proxy {
namespace {

Identity peer_identity(std::string id) { return {Identity::Kind::proxy, std::move(id)}; }

bool has_name(const TlsSession& tls, const std::string& certificate) {
    const auto wanted = names_of_entry(certificate);
    const auto names = tls.peer_names();
    return std::any_of(names.begin(), names.end(), [&wanted](const CertificateName& name) {
        return std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    });
}

}  // namespace

void Gatekeeper::load_peers(const Gatekeeper* before, ConfigProblems& problems) {
    if (!cluster_) return;
    if (!cluster_->key_file.empty()) {
        auto key = load_key(peer_identity({}), cluster_->key_file, nullptr);
        if (key) own_key_ = std::move(*key);  // what is wrong with it, check_cluster() says
    }
    const auto add_key = [&](const std::string& id, const std::string& file,
                             const std::string& path) {
        auto key =
            load_key(peer_identity(id), file, before != nullptr ? &before->peer_keys_ : nullptr);
        if (!key) {
            problems.push_back(path + "key_file: " + key.error());
            return;
        }
        peer_keys_.emplace(id, std::move(*key));
    };
    if (cluster_->peers.empty()) {
        add_key(cluster_->name, cluster_->key_file, "cluster.");
        peers_.emplace(cluster_->name, Peer{.ask = {*TopicPattern::parse("#")}, .client = true});
    }
    for (const ClusterPeer& peer : cluster_->peers) {
        if (!peer.key_file.empty()) {
            add_key(peer.id, peer.key_file, "cluster.peers \"" + peer.id + "\": ");
        }
        peers_.emplace(peer.id, Peer{peer.certificate, peer.ask, peer.client});
    }
    if (before == nullptr) return;
    for (const auto& [id, key] : before->peer_keys_) {
        const auto now = peer_keys_.find(id);
        if (now == peer_keys_.end() || now->second != key) keys_before_.push_back(key);
    }
}

std::string Gatekeeper::new_ticket(std::string_view proxy) const {
    if (!cluster_) return random_hex(kTicketDigits);
    return make_ticket(proxy, own_key_ ? &own_key_->secret : nullptr);
}

/// Outs show the tickets that they have also when a key has changed.
bool Gatekeeper::may_be_of_cluster(std::string_view ticket) const {
    const auto owner = owner_of(ticket);
    if (!owner || !cluster_) return false;
    if (!owner->has_mac) {
        return std::any_of(peers_.begin(), peers_.end(),
                           [](const auto& peer) { return !peer.second.certificate.empty(); });
    }
    const auto fits = [ticket](const std::shared_ptr<Key>& key) {
        return is_made_with(ticket, key->secret);
    };
    return std::any_of(peer_keys_.begin(), peer_keys_.end(),
                       [&fits](const auto& each) { return fits(each.second); }) ||
           std::any_of(keys_before_.begin(), keys_before_.end(), fits);
}

bool Gatekeeper::holds_peer(const Standing& standing) const {
    const auto key = peer_keys_.find(standing.identity.name);
    if (key != peer_keys_.end()) return key->second->standing->ground == standing.ground;
    return peers_.contains(standing.identity.name) && standing.ground == clients_;
}

bool Gatekeeper::may_tell_client(const Standing& standing) const {
    if (!standing.is_hop()) return policy_.may_tell_client(standing.identity);
    const auto peer = peers_.find(standing.identity.name);
    return peer != peers_.end() && peer->second.client;
}

Result<StandingPtr, Gatekeeper::Denial> Gatekeeper::identify_peer(
    const Message& request, const TlsSession* tls, const ProofChannel& channel) const {
    if (!channel.can_bind()) return Failure{unbound()};
    std::optional<Identity> origin;
    if (const auto* in = std::get_if<InRequest>(&request)) origin = identity_from(in->origin);
    const auto standing = [&](const std::string& id, const std::shared_ptr<const void>& ground) {
        return std::make_shared<const Standing>(Standing{peer_identity(id), ground, origin});
    };
    if (const Proof* proof = proof_of(request)) {
        const auto key = peer_keys_.find(proof->key);
        if (key == peer_keys_.end()) {
            return Failure{wrong_proof("no proxy \"" + proof->key + "\" in the cluster")};
        }
        if (auto denial = check(request, *proof, *key->second, channel)) {
            return Failure{std::move(*denial)};
        }
        return standing(proof->key, key->second->standing->ground);
    }
    for (const auto& [id, peer] : peers_) {
        if (tls == nullptr || peer.certificate.empty()) continue;
        if (has_name(*tls, peer.certificate)) return standing(id, clients_);
    }
    return Failure{wrong_proof("says that it is a proxy of the cluster, and does not prove it")};
}

std::string Gatekeeper::missing_for_hop(const Standing& standing, std::string_view topic) const {
    const std::string& id = standing.identity.name;
    const auto peer = peers_.find(id);
    if (peer == peers_.end() || !any_matches(peer->second.ask, topic)) {
        return "cluster.peers \"" + id + "\": no pattern in \"ask\" for topic " +
               std::string(topic);
    }
    // What is not named here, the other proxy has judged.
    if (!policy_.names(standing.asker())) return {};
    return policy_.missing_rule(standing.asker(), Right::in, topic);
}

std::optional<Gatekeeper::Denial> Gatekeeper::judge_hop(const Standing& standing,
                                                        const Message& request) const {
    const auto* const in = std::get_if<InRequest>(&request);
    if (in == nullptr) return std::nullopt;  // a spare connection names no topic yet
    std::string missing = missing_for_hop(standing, in->topic);
    if (missing.empty()) return std::nullopt;
    const bool of_origin =
        policy_.names(standing.asker()) && !policy_.allows(standing.asker(), Right::in, in->topic);
    return no_permission(
        of_origin ? standing.asker() : standing.identity, request,
        to_string(standing.identity) + " asks for " + to_string(standing.asker()) + "; " + missing);
}

}  // namespace inout::proxy
