#include "common/tls/names.hpp"

#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>

namespace inout {
namespace {

using SanKind = CertificateName::Kind;

std::string bytes_of_name(const ASN1_STRING* text) {
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
    return {bytes, static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// In UTF-8, whatever its encoding: read as bytes, two letters of another script could be four of
/// ours.
std::string utf8_of(const ASN1_STRING* text) {
    unsigned char* bytes = nullptr;
    const int size = ASN1_STRING_to_UTF8(&bytes, text);
    if (size < 0) return {};
    std::string utf8(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
    OPENSSL_free(bytes);
    return utf8;
}

/// A name with a NUL or other impossible bytes in it is somebody's trick, not a name.
void add_name(std::vector<CertificateName>& names, SanKind kind, std::string text) {
    CertificateName name{kind, std::move(text)};
    if (is_plausible(name)) names.push_back(std::move(name));
}

std::optional<SanKind> kind_of(const GENERAL_NAME& name) {
    switch (name.type) {
        case GEN_DNS: return SanKind::dns;
        case GEN_EMAIL: return SanKind::email;
        case GEN_URI: return SanKind::uri;
        default: return std::nullopt;
    }
}

}  // namespace

std::vector<CertificateName> certificate_names(const X509& certificate) {
    std::vector<CertificateName> names;
    bool has_alternatives = false;
    int critical = 0;
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> alternatives(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(&certificate, NID_subject_alt_name, &critical, nullptr)),
        &GENERAL_NAMES_free);
    // -1: there are none. Otherwise they are there twice or make no sense, and what the CA vetted
    // is not known.
    if (!alternatives && critical != -1) return names;
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
        if (const auto kind = kind_of(*name)) {
            has_alternatives = true;
            add_name(names, *kind, bytes_of_name(name->d.ia5));
        }
    }
    if (has_alternatives) return names;  // also if none was acceptable: the CA vetted those only
    const X509_NAME* subject = X509_get_subject_name(&certificate);
    const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, index) >= 0) return names;
    add_name(names, SanKind::common_name,
             utf8_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))));
    return names;
}

}  // namespace inout
