// The names that a certificate gives its owner. Pure.
#pragma once

#include <vector>

#include "common/rules/certificate_name.hpp"

// OpenSSL's name for X509.
struct x509_st;

namespace inout {

/// DNS, e-mail and URI names of its subject alternative names (RFC 5280, 4.2.1.6), or, if it has
/// none of these, its CN, if that is the only one. What can not be such a name is left out; a
/// certificate whose alternative names can not be read has no name at all.
std::vector<CertificateName> certificate_names(const x509_st& certificate);

}  // namespace inout
