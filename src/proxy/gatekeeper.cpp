#include "proxy/gatekeeper.hpp"

#include <algorithm>

#include "common/base/wall_clock.hpp"
#include "common/protocol/proof.hpp"

namespace inout {
namespace {

/// The same words whatever is wrong: a stranger learns nothing about keys, topics or rules.
Gatekeeper::Denial denied(std::string reason) {
    return {Code::denied, "not permitted", std::move(reason)};
}

ReplayGuard::Tag tag_of(const Proof& proof) {
    ReplayGuard::Tag tag;
    const std::string mac = from_hex(proof.mac).value_or(std::string(tag.size(), '\0'));
    std::copy_n(mac.begin(), tag.size(), tag.begin());
    return tag;
}

bool demands_client_certificates(const ProxyConfig& config) {
    return config.tls && !config.tls->client_ca.empty();
}

}  // namespace

Gatekeeper::Gatekeeper(const ProxyConfig& config)
    : config_(config), policy_(config.auth, demands_client_certificates(config)) {}

ConfigProblems Gatekeeper::load() {
    ConfigProblems problems;
    if (!config_.auth) return problems;
    for (const KeyEntry& entry : config_.auth->keys) {
        auto secret = read_secret_file(entry.secret_file);
        if (!secret) {
            problems.push_back("auth.keys \"" + entry.id + "\": secret_file: " + entry.secret_file +
                               ": " + secret.error());
            continue;
        }
        auto key = std::make_unique<Key>();
        key->secret = std::move(*secret);
        keys_.emplace(entry.id, std::move(key));
    }
    return problems;
}

Result<Identity, Gatekeeper::Denial> Gatekeeper::admit(const Message& request,
                                                       const Connection& connection) {
    if (std::holds_alternative<OutDataRequest>(request)) return Identity{};
    auto identity = identify(request, connection.tls());
    if (!identity) return identity;
    std::string missing;
    if (const auto* out = std::get_if<OutRequest>(&request)) {
        missing = policy_.missing_rule(*identity, Right::out, out->topic);
    } else if (const auto* in = std::get_if<InRequest>(&request)) {
        missing = policy_.missing_rule(*identity, Right::in, in->topic);
    } else if (!policy_.may_park_spare(*identity)) {
        missing = "no pattern in \"in\" at all";
    }
    if (missing.empty()) return identity;
    Denial denial = denied(std::move(missing));
    denial.identity = to_string(*identity);
    denial.by_stranger = identity->kind == Identity::Kind::anonymous;
    return Failure{std::move(denial)};
}

/// Failed: a proof that is wrong, early or late, or was used before.
Result<Identity, Gatekeeper::Denial> Gatekeeper::identify(const Message& request,
                                                          const TlsSession* tls) {
    // Without keys a proof says nothing: an in may have one for another proxy.
    if (const Proof* proof = proof_of(request); proof != nullptr && !keys_.empty()) {
        if (auto denial = check(request, *proof, tls)) return Failure{std::move(*denial)};
        return Identity{Identity::Kind::key, proof->key};
    }
    if (tls != nullptr) {
        if (auto name = policy_.listed_certificate_name(tls->peer_names())) {
            return Identity{Identity::Kind::certificate, std::move(*name)};
        }
    }
    return Identity{};
}

std::optional<Gatekeeper::Denial> Gatekeeper::check(const Message& request, const Proof& proof,
                                                    const TlsSession* tls) {
    const auto key = keys_.find(proof.key);
    if (key == keys_.end()) return denied("no key \"" + proof.key + "\"");
    const std::string exporter = tls != nullptr ? tls->exporter() : std::string();
    if (tls != nullptr && exporter.empty()) return denied("TLS 1.2 without extended master secret");
    const std::int64_t now = unix_time_ms();
    switch (check_proof(request, key->second->secret, now, exporter)) {
        case ProofVerdict::good: break;
        case ProofVerdict::wrong: return denied("wrong proof for key \"" + proof.key + "\"");
        case ProofVerdict::early_or_late:
            return Denial{Code::clock,
                          "the clocks differ by " + std::to_string((now - proof.time_ms) / 1'000) +
                              " s; at most " + std::to_string(kProofWindow.count() / 1'000) +
                              " s are allowed",
                          "clock of key \"" + proof.key + "\"",
                          "key " + proof.key,
                          false,
                          now};
    }
    if (tls != nullptr) return std::nullopt;
    const std::lock_guard lock(key->second->mutex);
    switch (key->second->used.enter(tag_of(proof), Clock::now())) {
        case ReplayGuard::Verdict::fresh: return std::nullopt;
        case ReplayGuard::Verdict::replayed:
            return denied("replayed proof of key \"" + proof.key + "\"");
        case ReplayGuard::Verdict::full: break;
    }
    return Denial{Code::limit, "too many requests with this key",
                  "too many proofs of key \"" + proof.key + "\"", "key " + proof.key, false};
}

}  // namespace inout
