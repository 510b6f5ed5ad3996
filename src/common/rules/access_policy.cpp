#include "common/rules/access_policy.hpp"

#include "common/base/crypto.hpp"
#include "common/base/scale_limits.hpp"
#include "common/rules/topic.hpp"

#include <algorithm>
#include <map>

namespace inout {
namespace {

const std::vector<TopicPattern>& patterns(const Permissions& permissions, Right right) {
    return right == Right::in ? permissions.in : permissions.out;
}

/// With a length before it, no text can be taken for two.
void add_counted(std::string& text, std::string_view part) {
    text += std::to_string(part.size()) + ':';
    text += part;
}

void add_list(std::string& text, const std::vector<TopicPattern>& list) {
    std::vector<std::string_view> sorted;
    sorted.reserve(list.size());
    for (const TopicPattern& pattern : list) sorted.push_back(pattern.text());
    std::ranges::sort(sorted);
    text += std::to_string(sorted.size()) + '*';
    for (const std::string_view pattern : sorted) add_counted(text, pattern);
}

}  // namespace

std::string identity_to_tell(const Identity& identity) {
    std::string text = to_string(identity);
    if (text.size() > kIdentityMaxBytes) text.resize(text.find(' '));
    return text;
}

std::string to_string(const Identity& identity) {
    switch (identity.kind) {
        case Identity::Kind::key: return "key " + identity.name;
        case Identity::Kind::certificate: return "certificate " + identity.name;
        case Identity::Kind::proxy: return "proxy " + identity.name;
        case Identity::Kind::anonymous: break;
    }
    return "anonymous";
}

std::string origin_of(const Identity& identity) {
    std::string text = to_string(identity);
    const bool fits = text.size() <= kOriginMaxBytes && !check_topic(text);
    // JSON writes these as two bytes.
    if (fits && text.find_first_of("\"\\") == std::string::npos) return text;
    return text.substr(0, text.find(' '));
}

Identity identity_from(std::string_view words) {
    for (const Identity::Kind kind : {Identity::Kind::key, Identity::Kind::certificate}) {
        const std::string before = to_string(Identity{kind, {}});
        if (!words.starts_with(before)) continue;
        return {kind, std::string(words.substr(before.size()))};
    }
    return {};
}

AccessPolicy::AccessPolicy(const std::optional<AuthOptions>& auth, bool client_ca)
    : auth_(auth.has_value()), client_ca_(client_ca) {
    if (!auth) return;
    anonymous_ = auth->anonymous;
    for (const KeyEntry& key : auth->keys) keys_.emplace(key.id, key.permissions);
    for (const CertEntry& cert : auth->certs) {
        certs_.emplace(cert.name, cert.permissions);
        for (const CertificateName& name : names_of_entry(cert.name)) {
            entry_of_name_.emplace(to_string(name), cert.name);
        }
    }
}

bool AccessPolicy::allows(const Identity& identity, Right right, std::string_view topic) const {
    if (may_do_everything(identity)) return true;
    const Permissions* const listed = permissions(identity);
    return listed != nullptr && any_matches(patterns(*listed, right), topic);
}

bool AccessPolicy::allows_out(const Identity& identity, const TopicPattern& pattern) const {
    if (may_do_everything(identity)) return true;
    const Permissions* const listed = permissions(identity);
    return listed != nullptr && any_contains(listed->out, pattern);
}

std::string AccessPolicy::missing_rule(const Identity& identity, Right right,
                                       std::string_view topic) const {
    if (allows(identity, right, topic)) return {};
    return lacks(identity, right, "for topic " + std::string(topic));
}

std::string AccessPolicy::missing_rule_for(const Identity& identity,
                                           const TopicPattern& pattern) const {
    if (allows_out(identity, pattern)) return {};
    return lacks(identity, Right::out, "that holds all of " + pattern.text());
}

std::string AccessPolicy::lacks(const Identity& identity, Right right,
                                const std::string& what) const {
    const bool named = identity.kind != Identity::Kind::anonymous;
    std::string entry = "auth.anonymous";
    if (named) {
        const std::string list = identity.kind == Identity::Kind::key ? "auth.keys" : "auth.certs";
        const std::string name = " \"" + identity.name + "\"";
        if (permissions(identity) == nullptr) return list + ": no entry" + name;
        entry = list + name;
    }
    return entry + ": no pattern in \"" + (right == Right::in ? "in" : "out") + "\" " + what;
}

bool AccessPolicy::may_park_spare(const Identity& identity) const {
    if (may_do_everything(identity)) return true;
    const Permissions* const listed = permissions(identity);
    return listed != nullptr && !listed->in.empty();
}

bool AccessPolicy::may_do_anything(const Identity& identity) const {
    if (may_do_everything(identity)) return true;
    const Permissions* const listed = permissions(identity);
    return listed != nullptr && (!listed->in.empty() || !listed->out.empty());
}

bool AccessPolicy::may_tell_client(const Identity& identity) const {
    const Permissions* const listed = names(identity) ? permissions(identity) : nullptr;
    return listed != nullptr && listed->client;
}

std::optional<Identity> AccessPolicy::certificate_identity(
    const std::vector<CertificateName>& names) const {
    for (const CertificateName& name : names) {
        const auto entry = entry_of_name_.find(to_string(name));
        if (entry != entry_of_name_.end()) {
            return Identity{Identity::Kind::certificate, entry->second};
        }
    }
    if (names.empty()) return std::nullopt;
    // Never spelled as an entry is that stands for something else.
    const CertificateName& first = names.front();
    const bool plain =
        first.kind == CertificateName::Kind::dns && names_of_entry(first.text).front() == first;
    return Identity{Identity::Kind::certificate, plain ? first.text : to_string(first)};
}

std::string AccessPolicy::fingerprint() const {
    std::map<std::string, const Permissions*> lists;
    for (const auto& [id, listed] : keys_) lists[to_string({Identity::Kind::key, id})] = &listed;
    for (const auto& [name, listed] : certs_) {
        lists[to_string({Identity::Kind::certificate, name})] = &listed;
    }
    lists[to_string(Identity{})] = &anonymous_;
    std::string text = auth_ ? "auth" : client_ca_ ? "client_ca" : "";
    for (const auto& [who, listed] : lists) {
        add_counted(text, who);
        add_list(text, listed->in);
        add_list(text, listed->out);
        if (listed->client) add_counted(text, "client");
    }
    return to_hex(bytes_of(sha256(text))).substr(0, kListsDigits);
}

bool AccessPolicy::may_do_everything(const Identity& identity) const {
    if (!protects()) return true;
    // The CA is the gate where nothing else is configured.
    return !auth_ && identity.kind == Identity::Kind::certificate;
}

const Permissions* AccessPolicy::permissions(const Identity& identity) const {
    if (identity.kind == Identity::Kind::anonymous) return &anonymous_;
    if (identity.kind == Identity::Kind::proxy) return nullptr;
    const Entries& entries = identity.kind == Identity::Kind::key ? keys_ : certs_;
    const auto entry = entries.find(std::string_view(identity.name));
    return entry == entries.end() ? nullptr : &entry->second;
}

}  // namespace inout
