// Permissions: what a configuration grants to whom. Values, read only after the start; usable from
// any thread. access_policy.hpp answers questions about them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/rules/amount.hpp"
#include "common/rules/topic_pattern.hpp"

namespace inout {

/// Topics that may be used (in) and registered (out), as patterns.
struct Permissions {
    std::vector<TopicPattern> in, out;
    /// What it says of its clients' addresses is believed. Never of the anonymous.
    bool client = false;

    bool operator==(const Permissions&) const = default;
};
/// How much its streams may carry, those that it asks for and those that it serves; nothing: there
/// is no limit.
struct AllowanceOptions {
    std::optional<RateOptions> rate;
    std::optional<QuotaOptions> quota;

    bool operator==(const AllowanceOptions&) const = default;
};
struct KeyEntry {
    std::string id, secret_file;
    Permissions permissions;
    AllowanceOptions allowance{};

    bool operator==(const KeyEntry&) const = default;
};
/// `name`: which names of which kind it stands for, names_of_entry says.
struct CertEntry {
    std::string name;
    Permissions permissions;
    AllowanceOptions allowance{};

    bool operator==(const CertEntry&) const = default;
};
/// What happens to proofs of version 1, which our last release makes.
enum class OldProofs { accept, refuse };
/// What ends, beside what nobody needs, when a key or a permission is taken away.
enum class Revoke {
    registrations,  ///< and running streams live on
    streams,        ///< those too
};
struct AuthOptions {
    std::vector<KeyEntry> keys;
    std::vector<CertEntry> certs;
    Permissions anonymous;
    std::string quota_file;  ///< where what was used of quotas is kept; empty: there are none
    OldProofs proof_1 = OldProofs::accept;
    Revoke revoke = Revoke::registrations;

    bool operator==(const AuthOptions&) const = default;
};

}  // namespace inout
