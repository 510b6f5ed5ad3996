// The names that a certificate gives its owner.
#pragma once

#include <string>
#include <vector>

// OpenSSL's name for X509.
struct x509_st;

namespace inout {

/// DNS, e-mail and URI names of its subject alternative names (RFC 5280, 4.2.1.6), or, if it has
/// none of these, its CN. What is not printable or longer than a topic is left out.
std::vector<std::string> certificate_names(const x509_st& certificate);

}  // namespace inout
