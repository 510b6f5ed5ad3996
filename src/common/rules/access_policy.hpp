// AccessPolicy: who may use (in) and register (out) which topics.
//
// A value made from the configuration's `auth`, then read only: usable from any thread. It is asked
// for every stream and every parked connection. Pure; verifies no proof and no certificate: an
// Identity is what somebody else has verified.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/rules/certificate_name.hpp"
#include "common/rules/permissions.hpp"

namespace inout {

struct Identity {
    enum class Kind {
        anonymous,
        key,          ///< `name`: the key's id
        certificate,  ///< `name`: see AccessPolicy::certificate_identity
        proxy,        ///< another proxy of the cluster; no list of a configuration names it
    };
    Kind kind = Kind::anonymous;
    std::string name{};

    bool operator==(const Identity&) const = default;
};
/// For the log: "anonymous", "key office", "certificate site-c", "proxy b".
std::string to_string(const Identity& identity);
/// The same for another proxy of the cluster, which reads it as identity_from() does: of a name
/// that does not fit only its kind.
std::string origin_of(const Identity& identity);
/// A key or a certificate from such words; anything else is anonymous.
Identity identity_from(std::string_view words);
/// The same for the peer itself: of a name that is longer than kIdentityMaxBytes only its kind.
std::string identity_to_tell(const Identity& identity);

enum class Right {
    in,   ///< to open streams to a topic
    out,  ///< to register it, and to park connections for it
};

class AccessPolicy {
  public:
    /// `client_ca`: whether certificates are verified. With neither, everybody may do everything;
    /// with `client_ca` alone, everybody with a certificate. Else what `auth` lists, and no more.
    AccessPolicy(const std::optional<AuthOptions>& auth, bool client_ca);

    bool allows(const Identity& identity, Right right, std::string_view topic) const;
    /// Whether every topic of the pattern may be registered, by one entry of its own.
    bool allows_out(const Identity& identity, const TopicPattern& pattern) const;
    /// What stands in the way, for our own log only; empty if it is allowed.
    std::string missing_rule(const Identity& identity, Right right, std::string_view topic) const;
    std::string missing_rule_for(const Identity& identity, const TopicPattern& pattern) const;
    /// A spare connection names no topic yet: whoever may open streams to any may keep one.
    bool may_park_spare(const Identity& identity) const;
    /// Whether it may use or register any topic at all.
    bool may_do_anything(const Identity& identity) const;
    /// Whether it is believed whose its streams are.
    bool may_tell_client(const Identity& identity) const;
    /// Whether one of its lists names it.
    bool names(const Identity& identity) const {
        return identity.kind != Identity::Kind::anonymous && permissions(identity) != nullptr;
    }
    /// Whether anything is forbidden to anybody.
    bool protects() const { return auth_ || client_ca_; }
    /// Of the lists, in whatever order they are written: kListsDigits of their SHA-256. Says
    /// nothing of secrets.
    std::string fingerprint() const;

    /// Who a verified certificate with these names is: the entry of the first one that has one, as
    /// the configuration spells it; else its first name, a DNS name as it is and others with their
    /// kind. Nothing if it has no name.
    std::optional<Identity> certificate_identity(const std::vector<CertificateName>& names) const;

  private:
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view s) const {
            return std::hash<std::string_view>{}(s);
        }
    };
    using Entries = std::unordered_map<std::string, Permissions, Hash, std::equal_to<>>;

    std::string lacks(const Identity& identity, Right right, const std::string& what) const;
    bool may_do_everything(const Identity& identity) const;
    /// nullptr: nothing is listed for it.
    const Permissions* permissions(const Identity& identity) const;

    bool auth_, client_ca_;
    Permissions anonymous_;
    Entries keys_, certs_;
    std::unordered_map<std::string, std::string> entry_of_name_;  // of a certificate, with its kind
};

}  // namespace inout
