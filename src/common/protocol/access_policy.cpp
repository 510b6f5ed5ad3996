#include "common/protocol/access_policy.hpp"

#include <algorithm>

namespace inout {
namespace {

const std::vector<TopicPattern>& patterns(const Permissions& permissions, Right right) {
    return right == Right::in ? permissions.in : permissions.out;
}

}  // namespace

std::string to_string(const Identity& identity) {
    switch (identity.kind) {
        case Identity::Kind::key: return "key " + identity.name;
        case Identity::Kind::certificate: return "certificate " + identity.name;
        case Identity::Kind::anonymous: break;
    }
    return "anonymous";
}

AccessPolicy::AccessPolicy(const std::optional<AuthOptions>& auth, bool client_ca)
    : auth_(auth.has_value()), client_ca_(client_ca) {
    if (!auth) return;
    anonymous_ = auth->anonymous;
    for (const KeyEntry& key : auth->keys) keys_.emplace(key.id, key.permissions);
    for (const CertEntry& cert : auth->certs) certs_.emplace(cert.name, cert.permissions);
}

bool AccessPolicy::allows(const Identity& identity, Right right, std::string_view topic) const {
    if (may_do_everything(identity)) return true;
    const Permissions* const listed = permissions(identity);
    return listed != nullptr && any_matches(patterns(*listed, right), topic);
}

std::string AccessPolicy::missing_rule(const Identity& identity, Right right,
                                       std::string_view topic) const {
    if (allows(identity, right, topic)) return {};
    const bool named = identity.kind != Identity::Kind::anonymous;
    std::string entry = "auth.anonymous";
    if (named) {
        const std::string list = identity.kind == Identity::Kind::key ? "auth.keys" : "auth.certs";
        const std::string name = " \"" + identity.name + "\"";
        if (permissions(identity) == nullptr) return list + ": no entry" + name;
        entry = list + name;
    }
    return entry + ": no pattern in \"" + (right == Right::in ? "in" : "out") + "\" for topic " +
           std::string(topic);
}

bool AccessPolicy::may_park_spare(const Identity& identity) const {
    if (may_do_everything(identity)) return true;
    const Permissions* const listed = permissions(identity);
    return listed != nullptr && !listed->in.empty();
}

std::optional<std::string> AccessPolicy::listed_certificate_name(
    const std::vector<std::string>& names) const {
    if (names.empty()) return std::nullopt;
    const auto listed = std::find_if(
        names.begin(), names.end(), [&](const std::string& name) { return certs_.contains(name); });
    return listed != names.end() ? *listed : names.front();
}

bool AccessPolicy::may_do_everything(const Identity& identity) const {
    if (!protects()) return true;
    // The CA is the gate where nothing else is configured.
    return !auth_ && identity.kind == Identity::Kind::certificate;
}

const Permissions* AccessPolicy::permissions(const Identity& identity) const {
    if (identity.kind == Identity::Kind::anonymous) return &anonymous_;
    const Entries& entries = identity.kind == Identity::Kind::key ? keys_ : certs_;
    const auto entry = entries.find(std::string_view(identity.name));
    return entry == entries.end() ? nullptr : &entry->second;
}

}  // namespace inout
