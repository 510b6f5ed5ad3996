// What is to be known of a certificate by those who go by its key alone. Pure, but for the file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/crypto.hpp"
#include "common/base/result.hpp"

// OpenSSL's name for X509.
struct x509_st;

namespace inout {

/// SHA-256 of its SubjectPublicKeyInfo (RFC 7469, 2.4); nothing if it can not be written down.
std::optional<Digest> hash_of_key(const x509_st& certificate);

struct PinnedKey {
    std::string pin;   ///< as `tls.pin`
    std::string host;  ///< the certificate's first DNS name or address; empty: there is none
};
/// Of the first certificate in a PEM text. The failure follows the file's name.
Result<PinnedKey, std::string> pinned_key(std::string_view pem);
/// The same of a file, as `tls.cert`, by the rules of os/file.hpp. Blocks. The failure begins with
/// "FILE: ".
Result<PinnedKey, std::string> load_pinned_key(const std::string& cert);

}  // namespace inout
