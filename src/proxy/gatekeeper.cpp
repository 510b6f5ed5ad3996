#include "proxy/gatekeeper.hpp"

#include <algorithm>

#include "common/base/wall_clock.hpp"
#include "common/open/weak_secret.hpp"
#include "common/os/secret_file.hpp"
#include "proxy/gatekeeper_parts.hpp"

namespace inout::proxy {
namespace {

ReplayGuard::Tag replay_tag(const Message& request, const Secret& secret) {
    ReplayGuard::Tag tag;
    const Digest digest = proof_tag(request, secret, {});
    std::copy_n(digest.begin(), tag.size(), tag.begin());
    return tag;
}

ProofChannel channel_of(const TlsSession* tls, std::string_view nonce = {}) {
    return {tls != nullptr, tls != nullptr ? tls->exporter() : std::string(), std::string(nonce)};
}

bool demands_client_certificates(const ProxyConfig& config) {
    return config.tls && !config.tls->client_ca.empty();
}

}  // namespace

std::optional<TopicPattern> pattern_of(const OutRequest& request) {
    if (!request.pattern) return std::nullopt;
    auto pattern = TopicPattern::parse(request.topic);
    return pattern ? std::optional(std::move(*pattern)) : std::nullopt;
}

StandingPtr nobody() {
    static const auto standing = std::make_shared<const Standing>(Standing{{}, nullptr});
    return standing;
}

Gatekeeper::Gatekeeper(const ProxyConfig& config)
    : entries_(config.auth ? config.auth->keys : std::vector<KeyEntry>()),
      old_proofs_(config.auth ? config.auth->proof_1 : OldProofs::accept),
      revoke_(config.auth ? config.auth->revoke : Revoke::registrations),
      policy_(config.auth, demands_client_certificates(config)),
      cluster_(config.cluster),
      // Where each is named and has rights of its own, they belong to several hands.
      lists_(cluster_ && cluster_->peers.empty() ? policy_.fingerprint() : std::string()) {}

ConfigProblems Gatekeeper::load(const Gatekeeper* before, bool same_clients) {
    ConfigProblems problems;
    clients_ =
        before != nullptr && same_clients ? before->clients_ : std::make_shared<const char>();
    for (const KeyEntry& entry : entries_) {
        auto key = load_key({Identity::Kind::key, entry.id}, entry.secret_file,
                            before != nullptr ? &before->keys_ : nullptr);
        if (!key) {
            problems.push_back("auth.keys \"" + entry.id + "\": secret_file: " + key.error());
            continue;
        }
        keys_.emplace(entry.id, std::move(*key));
    }
    load_peers(before, problems);
    return problems;
}

/// What has seen proofs stays, with the same secret. The failure names the file.
Result<std::shared_ptr<Gatekeeper::Key>, std::string> Gatekeeper::load_key(const Identity& owner,
                                                                           const std::string& file,
                                                                           const Keys* before) {
    auto secret = read_secret_file(file);
    if (!secret) return Failure{file + ": " + secret.error()};
    if (is_guessable(*secret)) warn_of_weak_secret(file);
    if (before != nullptr) {
        const auto known = before->find(owner.name);
        if (known != before->end() && known->second->secret.bytes() == secret->bytes()) {
            return known->second;
        }
    }
    auto key = std::make_shared<Key>();
    key->secret = std::move(*secret);
    key->standing =
        std::make_shared<const Standing>(Standing{owner, std::make_shared<const char>()});
    return key;
}

bool Gatekeeper::holds(const Standing& standing) const {
    switch (standing.identity.kind) {
        case Identity::Kind::certificate: return standing.ground == clients_;
        case Identity::Kind::anonymous: return true;
        case Identity::Kind::proxy: return holds_peer(standing);
        case Identity::Kind::key: break;
    }
    const auto found = keys_.find(standing.identity.name);
    return found != keys_.end() && found->second->standing->ground == standing.ground;
}

Result<StandingPtr, Gatekeeper::Denial> Gatekeeper::admit(const Message& request,
                                                          const Connection& connection,
                                                          std::string_view nonce) const {
    const bool hop = is_hop(request);
    if (!hop && std::holds_alternative<OutDataRequest>(request)) return nobody();
    auto standing = identify(request, connection.tls(), nonce);
    if (!standing) return standing;
    if (hop) {
        if (auto denial = judge_hop(**standing, request)) return Failure{std::move(*denial)};
        return standing;
    }
    const Identity& identity = (*standing)->identity;
    std::string missing;
    if (const auto* out = std::get_if<OutRequest>(&request)) {
        const auto pattern = pattern_of(*out);
        missing = pattern ? policy_.missing_rule_for(identity, *pattern)
                          : policy_.missing_rule(identity, Right::out, out->topic);
    } else if (const auto* in = std::get_if<InRequest>(&request)) {
        missing = policy_.missing_rule(identity, Right::in, in->topic);
    } else if (const auto* warm = std::get_if<InWarmRequest>(&request); warm && warm->probe) {
        if (!policy_.may_do_anything(identity)) missing = "no pattern at all";
    } else if (!policy_.may_park_spare(identity)) {
        missing = "no pattern in \"in\" at all";
    }
    if (missing.empty()) return standing;
    return Failure{no_permission(identity, request, std::move(missing))};
}

std::optional<Gatekeeper::Denial> Gatekeeper::judge_probe(const Standing& standing,
                                                          const ProbeRequest& request) const {
    std::optional<TopicPattern> pattern;
    if (request.pattern) {
        auto parsed = TopicPattern::parse(request.topic);
        if (!parsed) return Denial{.code = Code::malformed, .message = "the topic is no pattern"};
        pattern = std::move(*parsed);
    }
    // Another proxy asks for somebody, and registers nothing.
    std::optional<Identity> origin;
    if (standing.is_hop()) origin = identity_from(request.origin);
    const Standing asks{standing.identity, standing.ground, std::move(origin)};
    const bool may = request.serves ? !asks.is_hop() && allows_out(asks, request.topic, pattern)
                                    : allows(asks, Right::in, request.topic);
    if (may) return std::nullopt;
    return no_permission(asks.asker(), request, "probe");
}

/// Failed: a proof that is wrong, early or late, or was used before; and a proof or a certificate
/// on a connection that somebody in between may have joined to another one.
Result<StandingPtr, Gatekeeper::Denial> Gatekeeper::identify(const Message& request,
                                                             const TlsSession* tls,
                                                             std::string_view nonce) const {
    const ProofChannel channel = channel_of(tls, nonce);
    if (is_hop(request)) return identify_peer(request, tls, channel);
    // Without keys a proof says nothing: an in may have one for another proxy.
    if (const Proof* proof = proof_of(request); proof != nullptr && !keys_.empty()) {
        if (!channel.can_bind()) return Failure{unbound()};
        const auto found = keys_.find(proof->key);
        if (found == keys_.end()) return Failure{wrong_proof("no key \"" + proof->key + "\"")};
        if (auto denial = check(request, *proof, *found->second, channel)) {
            return Failure{std::move(*denial)};
        }
        return found->second->standing;
    }
    if (tls == nullptr) return nobody();
    auto certified = policy_.certificate_identity(tls->peer_names());
    if (!certified) return nobody();
    if (!channel.can_bind()) return Failure{unbound()};
    return std::make_shared<const Standing>(Standing{std::move(*certified), clients_});
}

std::optional<Identity> Gatekeeper::certificate_of(const Connection& connection) const {
    const TlsSession* const tls = connection.tls();
    if (tls == nullptr || !channel_of(tls).can_bind()) return std::nullopt;
    return policy_.certificate_identity(tls->peer_names());
}

std::optional<Identity> Gatekeeper::certificate_of(const OutDataRequest& request,
                                                   const Connection& connection) const {
    if (!request.hop) return certificate_of(connection);
    Identity identity = identity_from(request.origin);
    if (identity.kind != Identity::Kind::certificate) return std::nullopt;
    return identity;
}

bool Gatekeeper::has_key_of(const Identity& owner, const OutDataRequest& request,
                            const Connection& connection) const {
    const auto found = keys_.find(owner.name);
    if (found == keys_.end()) return false;
    ProofChannel channel = channel_of(connection.tls());
    if (request.hop) channel = {!request.bind.empty(), from_hex(request.bind).value_or("")};
    return check_data_mac(request, found->second->secret, owner.name, channel);
}

std::optional<Gatekeeper::Denial> Gatekeeper::check(const Message& request, const Proof& proof,
                                                    Key& key, const ProofChannel& channel) const {
    const std::int64_t now = unix_time_ms();
    switch (check_proof(request, key.secret, now, channel)) {
        case ProofVerdict::good: break;
        case ProofVerdict::wrong: return wrong_proof("wrong proof for key \"" + proof.key + "\"");
        case ProofVerdict::early_or_late:
            return Denial{.code = Code::clock,
                          .message = "the clocks differ by " +
                                     std::to_string((now - proof.time_ms) / 1'000) +
                                     " s; at most " + std::to_string(kProofWindow.count() / 1'000) +
                                     " s are allowed",
                          .reason = "clock of key \"" + proof.key + "\"",
                          .identity = "key " + proof.key,
                          .by_stranger = false,
                          .time_ms = now};
    }
    if (proof.mac.empty()) {
        if (auto denial = judge_old_proof(key, proof)) return denial;
    }
    // Over TLS a proof fits one connection. A counted one fits one place of one connection: the
    // nonce is this connection's alone, and each number comes once here, so it never fits again.
    if (channel.tls || is_counted(request)) return std::nullopt;
    const std::lock_guard lock(key.mutex);
    if (key.is_given_up) {
        return Denial{.code = Code::draining,
                      .message = "proxy is ending",
                      .reason = "the next process of this proxy judges such proofs",
                      .identity = "key " + proof.key,
                      .by_stranger = false};
    }
    switch (key.used.enter(replay_tag(request, key.secret), Clock::now())) {
        case ReplayGuard::Verdict::fresh: return std::nullopt;
        case ReplayGuard::Verdict::replayed:
            return wrong_proof("replayed proof of key \"" + proof.key + "\"");
        case ReplayGuard::Verdict::full: break;
    }
    return Denial{.code = Code::limit,
                  .message = "too many requests with this key",
                  .reason = "too many proofs of key \"" + proof.key + "\"",
                  .identity = "key " + proof.key,
                  .by_stranger = false};
}

Gatekeeper::Proofs Gatekeeper::give_proofs() const {
    Proofs all;
    for (const Keys* const keys : {&keys_, &peer_keys_}) {
        for (const auto& [id, key] : *keys) {
            const std::lock_guard lock(key->mutex);
            key->is_given_up = true;
            all.emplace_back(key->standing->identity, key->used.entries(Clock::now()));
        }
    }
    return all;
}

void Gatekeeper::keep_proofs() const {
    for (const Keys* const keys : {&keys_, &peer_keys_}) {
        for (const auto& [id, key] : *keys) {
            const std::lock_guard lock(key->mutex);
            key->is_given_up = false;
        }
    }
}

void Gatekeeper::take_proof(const Identity& owner, const ReplayGuard::Tag& tag) const {
    const Keys& keys = owner.kind == Identity::Kind::proxy ? peer_keys_ : keys_;
    const auto found = keys.find(owner.name);
    if (found == keys.end()) return;
    const std::lock_guard lock(found->second->mutex);
    (void)found->second->used.enter(tag, Clock::now());
}

std::optional<Gatekeeper::Denial> Gatekeeper::judge_old_proof(Key& key, const Proof& proof) const {
    if (old_proofs_ == OldProofs::refuse) {
        return Denial{.code = Code::denied,
                      .message = "this proxy takes no proofs of version 1: upgrade this program",
                      .reason = "auth.proof_1: a proof of version 1",
                      .identity = "key " + proof.key,
                      .by_stranger = false};
    }
    if (const auto held_back = key.old_proofs.pass(); held_back >= 0) {
        log::warning("old proof",
                     {{"identity", "key " + proof.key},
                      {"reason",
                       "version 1, from a program of our last release: upgrade it, and then set "
                       "auth.proof_1 to \"refuse\""},
                      {"held_back", held_back}});
    }
    return std::nullopt;
}

}  // namespace inout::proxy
