// The name by which a certificate identifies its owner, with its kind: DNS, e-mail, URI or CN.
//
// Kinds are never mixed: a CA that vouches for an e-mail address does not vouch for a host of the
// same spelling. Values; pure; usable from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inout {

struct CertificateName {
    enum class Kind { dns, email, uri, common_name };
    Kind kind = Kind::dns;
    std::string text{};

    bool operator==(const CertificateName&) const = default;
};

/// `dns:site-a`, `email:ops@example.com`, `uri:spiffe://example.com/a`, `cn:Site A`: one spelling
/// for each name.
std::string to_string(const CertificateName& name);

/// What an entry of `auth.certs` stands for. With a prefix (in any letter case) it is a name of
/// that kind. Without one its spelling tells: a `:` makes it a URI, an `@` an e-mail address, which
/// no DNS name has; all else is a DNS name or a CN, as in our first releases.
std::vector<CertificateName> names_of_entry(std::string_view entry);

/// What is wrong with such an entry, worded to follow its key; nothing if it is fine.
std::optional<std::string> check_certificate_entry(std::string_view entry);

/// Whether a certificate's DNS name, e-mail address or URI is one at all, and can not be taken for
/// one of another kind. DNS: letters, digits, `-`, `_`, `.` and `*` (RFC 1123, 2.1; RFC 6125).
bool is_plausible(const CertificateName& name);

}  // namespace inout
