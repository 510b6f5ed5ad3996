#include "common/tls/pinned_key.hpp"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "common/base/host_port.hpp"
#include "common/base/limits.hpp"
#include "common/os/file.hpp"
#include "common/tls/files.hpp"

namespace inout {
namespace {

std::string text_of_bytes(const ASN1_STRING* text) {
    const auto* bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(text));
    return {bytes, static_cast<std::size_t>(ASN1_STRING_length(text))};
}

/// 4 or 16 bytes (RFC 5280, 4.2.1.6). Empty: neither.
std::string address_text(const ASN1_OCTET_STRING* bytes) {
    const std::string raw = text_of_bytes(bytes);
    std::string text;
    if (raw.size() == 4) {
        for (const char byte : raw) {
            text += (text.empty() ? "" : ".") + std::to_string(static_cast<unsigned char>(byte));
        }
    } else if (raw.size() == 16) {
        for (std::size_t i = 0; i < raw.size(); i += 2) {
            text += (i == 0 ? "" : ":") + to_hex(std::string_view(raw).substr(i, 2));
        }
    }
    return text;
}

std::string first_host(const X509& certificate) {
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)),
        &GENERAL_NAMES_free);
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_DNS) return text_of_bytes(name->d.dNSName);
        if (name->type == GEN_IPADD) return canonical_host(address_text(name->d.iPAddress));
    }
    return {};
}

}  // namespace

std::optional<Digest> hash_of_key(const X509& certificate) {
    unsigned char* bytes = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &bytes);
    if (size <= 0) return std::nullopt;
    const auto free = [](unsigned char* allocated) { OPENSSL_free(allocated); };
    const std::unique_ptr<unsigned char, decltype(free)> encoded(bytes, free);
    return sha256({reinterpret_cast<const char*>(encoded.get()), static_cast<std::size_t>(size)});
}

Result<PinnedKey, std::string> pinned_key(std::string_view pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
    if (!certificate) return Failure{"has no certificate in PEM: " + openssl_error()};
    const auto hash = hash_of_key(*certificate);
    if (!hash) return Failure{"has a key that can not be used: " + openssl_error()};
    return PinnedKey{"sha256/" + to_base64(bytes_of(*hash)), first_host(*certificate)};
}

Result<PinnedKey, std::string> load_pinned_key(const std::string& cert) {
    const auto pem = read_file(cert, FileAudience::everybody, kPemMaxBytes);
    if (!pem) return Failure{cert + ": " + pem.error()};
    auto key = pinned_key(pem->bytes());
    if (!key) return Failure{cert + ": " + key.error()};
    return key;
}

}  // namespace inout
