#include "common/net/tls_names.hpp"

#include <openssl/x509v3.h>

#include <algorithm>

#include "common/base/limits.hpp"

namespace inout {
namespace {

std::string text_of(const ASN1_STRING* text) {
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
    return {bytes, static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// A name with a NUL or other unprintable bytes in it is somebody's trick, not a name.
void add_name(std::vector<std::string>& names, std::string name, unsigned char least) {
    const bool printable = std::all_of(name.begin(), name.end(), [&](char c) {
        return static_cast<unsigned char>(c) >= least && c != '\x7f';
    });
    if (printable && !name.empty() && name.size() <= kTopicMaxBytes) {
        names.push_back(std::move(name));
    }
}

}  // namespace

std::vector<std::string> certificate_names(const X509& certificate) {
    std::vector<std::string> names;
    bool has_alternatives = false;
    auto* alternatives = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
    for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
        if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI) {
            has_alternatives = true;
            add_name(names, text_of(name->d.ia5), '!');
        }
    }
    GENERAL_NAMES_free(alternatives);
    if (has_alternatives) return names;  // also if none was acceptable: the CA vetted those only
    const X509_NAME* subject = X509_get_subject_name(&certificate);
    const int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index >= 0) {
        add_name(names, text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, index))),
                 ' ');
    }
    return names;
}

}  // namespace inout
