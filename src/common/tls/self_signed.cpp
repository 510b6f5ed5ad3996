#include "common/tls/self_signed.hpp"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <utility>

#include "common/base/host_port.hpp"
#include "common/tls/files.hpp"
#include "common/tls/pinned_key.hpp"

namespace inout {
namespace {

constexpr long kDay = 86'400;
constexpr int kDaysValid = 3'653;  // ten years
/// Bits of a serial number: at most 20 bytes, and positive (RFC 5280, 4.1.2.2).
constexpr int kSerialBits = 159;

using OwnKey = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using OwnCertificate = std::unique_ptr<X509, decltype(&X509_free)>;
using TextBuffer = std::unique_ptr<BIO, decltype(&BIO_free)>;

bool set_serial(X509* certificate) {
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(BN_new(), &BN_free);
    return number && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

/// Not the host's: a common name has 64 bytes at most, and nobody reads it where there is a SAN.
bool set_names(X509* certificate) {
    static const unsigned char kName[] = "inout relay";
    X509_NAME* const name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, kName, -1, -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1;
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()), &X509_EXTENSION_free);
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool fill_in(X509* certificate, EVP_PKEY* key, const std::string& host) {
    const std::string name = (is_address_literal(host) ? "IP:" : "DNS:") + host;
    return X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate) &&
           set_names(certificate) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -kDay) != nullptr &&
           X509_time_adj_ex(X509_getm_notAfter(certificate), kDaysValid, 0, nullptr) != nullptr &&
           X509_set_pubkey(certificate, key) == 1 &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           add_extension(certificate, NID_subject_alt_name, name) &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string text_in(BIO* memory) {
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(memory, &bytes);
    return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

Result<SelfSigned, std::string> make_self_signed(const std::string& host) {
    const OwnKey key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
    const OwnCertificate certificate(X509_new(), &X509_free);
    const TextBuffer key_text(BIO_new(BIO_s_secmem()), &BIO_free);
    const TextBuffer certificate_text(BIO_new(BIO_s_mem()), &BIO_free);
    if (!key || !certificate || !key_text || !certificate_text ||
        !fill_in(certificate.get(), key.get(), host) ||
        PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                 nullptr) != 1 ||
        PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1) {
        return Failure{"no certificate can be made: " + openssl_error()};
    }
    SelfSigned made{text_in(certificate_text.get()), text_in(key_text.get()), {}};
    auto pinned = pinned_key(made.certificate);
    if (!pinned) return Failure{pinned.error()};
    made.pin = std::move(pinned->pin);
    return made;
}

}  // namespace inout
