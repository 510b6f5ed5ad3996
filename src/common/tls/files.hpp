// Certificates and keys from their files into an SSL_CTX, and what is wrong with a file that has
// none: said with the file's name, the first error, and what to do.
//
// Each file is read once, by the rules of os/file.hpp; OpenSSL gets its bytes, never its name.
// Blocks. Any thread.
#pragma once

#include <string>

#include "common/base/result.hpp"
#include "common/rules/validity.hpp"

struct ssl_ctx_st;
struct x509_st;
struct x509_store_st;

namespace inout {

/// Our certificate with its chain, and its key. The certificate's validity; the failure
/// begins with "cert: FILE: " or "key: FILE: ".
Result<Validity, std::string> load_certificate(ssl_ctx_st* context, const std::string& cert,
                                               const std::string& key);

/// The certificates that are trusted. A server that asks its clients for certificates, which may
/// have several, tells them these names. The validity of the one that lasts longest; the failure
/// begins with "FILE: ".
Result<Validity, std::string> load_trusted(x509_store_st* store, const std::string& ca,
                                           ssl_ctx_st* asking_server = nullptr);

/// Of a certificate that came from elsewhere: only its times.
Validity validity_of(const x509_st& certificate);

/// What OpenSSL said first of the last failure.
std::string openssl_error();

}  // namespace inout
