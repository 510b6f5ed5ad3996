// The keys of the proxy's permissions and of what limits the bytes of streams, as fields.hpp has
// the others. fields.hpp alone includes this. Pure; keeps nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/types.hpp"
#include "common/rules/certificate_name.hpp"

namespace inout {

// The names of the enumerators, in their order.
inline constexpr std::string_view kOldProofsNames[] = {"accept", "refuse"};
inline constexpr std::string_view kRevokeNames[] = {"registrations", "streams"};
inline constexpr std::string_view kQuotaPerNames[] = {"total", "month"};

// --- entries of a list ---
/// Of keys, and of certificates.
inline constexpr Range kIdentities{0, 10'000};
/// A check walks the whole list, for every stream.
inline constexpr Range kPatterns{0, 1'000};

/// Demands that no earlier entry has the same `value` in `key`.
template <class Fields>
void visit_unique(Fields& entry, Owners& owners, std::string_view key, const std::string& value) {
    if (!entry.good({key})) return;
    const auto [owner, fresh] = owners.emplace(value, entry.path());
    if (!fresh) entry.complain(key, "\"" + value + "\" is that of " + owner->second + " already");
}

template <class Fields>
void visit(Fields& fields, Permissions& permissions) {
    fields.values("in", permissions.in, kPatterns);
    fields.values("out", permissions.out, kPatterns);
}

/// Only who asks for streams has clients.
template <class Fields>
void check_client(Fields& entry, bool client, const std::vector<TopicPattern>& streams,
                  std::string_view key) {
    if (!client || !streams.empty() || !entry.good({key})) return;
    entry.complain("client", "has no meaning without a pattern in \"" + std::string(key) + "\"");
}

/// Of who is known.
template <class Fields>
void visit_known(Fields& entry, Permissions& permissions) {
    visit(entry, permissions);
    entry.flag("client", permissions.client);
    check_client(entry, permissions.client, permissions.in, "in");
}

template <class Fields>
void visit_rate(Fields& fields, std::optional<RateOptions>& rate) {
    fields.object("rate", rate, [](auto& entry, RateOptions& options) {
        entry.amount("up", options.up);
        entry.amount("down", options.down);
        if (!entry.good({"up", "down"}) || options.up || options.down) return;
        entry.complain("", "limits nothing; it needs \"up\", \"down\" or both");
    });
}

template <class Fields>
void visit(Fields& fields, AllowanceOptions& allowance) {
    visit_rate(fields, allowance.rate);
    fields.object("quota", allowance.quota, [](auto& entry, QuotaOptions& options) {
        entry.amount("bytes", options.bytes, Need::required);
        entry.choice("per", options.per, kQuotaPerNames);
    });
}

/// Without a file a restart would give everybody a quota anew.
template <class Fields>
void visit_quota_file(Fields& auth, const AuthOptions& options) {
    const auto has_quota = [](const auto& entry) { return entry.allowance.quota.has_value(); };
    const bool any = std::any_of(options.keys.begin(), options.keys.end(), has_quota) ||
                     std::any_of(options.certs.begin(), options.certs.end(), has_quota);
    if (!any || !options.quota_file.empty() || !auth.good({"quota_file"})) return;
    auth.complain("quota_file",
                  "is required where there is a \"quota\": the file in which is kept what was "
                  "used");
}

template <class Fields>
void visit(Fields& auth, AuthOptions& options) {
    Owners ids, names;
    const auto visit_key = [&](auto& entry, KeyEntry& key) {
        entry.text("id", key.id, check_key_id, Need::required);
        entry.text("secret_file", key.secret_file, check_file_name, Need::required);
        visit_known(entry, key.permissions);
        visit(entry, key.allowance);
        visit_unique(entry, ids, "id", key.id);
    };
    const auto visit_cert = [&](auto& entry, CertEntry& cert) {
        entry.text("name", cert.name, check_certificate_entry, Need::required);
        visit_known(entry, cert.permissions);
        visit(entry, cert.allowance);
        if (!entry.good({"name"})) return;
        for (const CertificateName& name : names_of_entry(cert.name)) {
            const auto [owner, fresh] = names.emplace(to_string(name), entry.path());
            if (fresh) continue;
            entry.complain("name",
                           "\"" + cert.name + "\" is that of " + owner->second + " already");
            return;
        }
    };
    auth.list("keys", options.keys, kIdentities, visit_key);
    auth.list("certs", options.certs, kIdentities, visit_cert);
    auth.object("anonymous", [&](auto& anonymous) { visit(anonymous, options.anonymous); });
    auth.text("quota_file", options.quota_file, check_file_name);
    visit_quota_file(auth, options);
    auth.choice("proof_1", options.proof_1, kOldProofsNames);
    auth.choice("revoke", options.revoke, kRevokeNames);

    if (!auth.good({"keys", "certs", "anonymous"})) return;
    const auto permits = [](const auto& who) {
        return !who.permissions.in.empty() || !who.permissions.out.empty();
    };
    if (std::any_of(options.keys.begin(), options.keys.end(), permits) ||
        std::any_of(options.certs.begin(), options.certs.end(), permits) ||
        !options.anonymous.in.empty() || !options.anonymous.out.empty()) {
        return;
    }
    auth.complain("",
                  "permits nobody anything; a key, a certificate or \"anonymous\" needs a "
                  "topic in \"in\" or \"out\"");
}

}  // namespace inout
