#include "common/tls/files.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/crypto.hpp"
#include "common/base/limits.hpp"
#include "common/os/file.hpp"

namespace inout {
namespace {

struct OpensslDeleter {
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(PKCS12* store) const { PKCS12_free(store); }
};
template <class T>
using Owned = std::unique_ptr<T, OpensslDeleter>;
using Chain = std::vector<Owned<X509>>;

/// A daemon has nobody who could type one; OpenSSL's default would ask at the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

Owned<BIO> over(std::string_view bytes) {
    return Owned<BIO>(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

const unsigned char* der_of(std::string_view bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

bool has(std::string_view bytes, std::string_view text) { return bytes.find(text) != bytes.npos; }

bool has_certificate(std::string_view bytes) {
    return has(bytes, "-----BEGIN CERTIFICATE-----") ||
           has(bytes, "-----BEGIN TRUSTED CERTIFICATE-----") ||
           has(bytes, "-----BEGIN X509 CERTIFICATE-----");
}

bool is_pkcs12(std::string_view bytes) {
    const unsigned char* der = der_of(bytes);
    const Owned<PKCS12> store(d2i_PKCS12(nullptr, &der, static_cast<long>(bytes.size())));
    return store != nullptr;
}

/// What a file is instead, which neither a certificate nor a key should be.
std::optional<std::string> other_kind(std::string_view bytes, const std::string& path) {
    if (bytes.find_first_not_of(" \t\r\n") == bytes.npos) return "is empty";
    if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) {
        return "is UTF-16 text: save it as UTF-8 or ASCII";
    }
    if (has(bytes, "-----BEGIN PKCS7-----")) {
        return "is PKCS#7: openssl pkcs7 -print_certs -in " + path + " -out new.crt";
    }
    if (is_pkcs12(bytes)) {
        return "is PKCS#12, which holds both: openssl pkcs12 -nodes -in " + path +
               " -nokeys -out new.crt, and the same with -nocerts -out new.key";
    }
    return std::nullopt;
}

std::string not_a_certificate(std::string_view bytes, const std::string& path,
                              const std::string& error) {
    if (auto other = other_kind(bytes, path)) return *other;
    if (has(bytes, "PRIVATE KEY-----")) {
        return "has a private key and no certificate: are cert and key exchanged?";
    }
    if (has(bytes, "CERTIFICATE REQUEST-----")) {
        return "is a request, which a CA has yet to sign: the certificate is what it sends back";
    }
    if (has_certificate(bytes)) return "has a certificate that can not be read: " + error;
    const unsigned char* der = der_of(bytes);
    const Owned<X509> certificate(d2i_X509(nullptr, &der, static_cast<long>(bytes.size())));
    if (certificate)
        return "is DER, not PEM: openssl x509 -inform DER -in " + path + " -out new.crt";
    return "has no certificate in PEM (-----BEGIN CERTIFICATE-----): " + error;
}

std::string not_a_key(std::string_view bytes, const std::string& path, const std::string& error) {
    if (auto other = other_kind(bytes, path)) return *other;
    if (has(bytes, "-----BEGIN ENCRYPTED PRIVATE KEY-----") ||
        has(bytes, "Proc-Type: 4,ENCRYPTED")) {
        return "is protected by a passphrase, which nobody can type here: openssl pkey -in " +
               path + " -out new.key, and chmod 600 new.key";
    }
    if (has(bytes, "-----BEGIN OPENSSH PRIVATE KEY-----")) {
        return "is a key of OpenSSH, not of TLS";
    }
    if (has(bytes, "PRIVATE KEY-----")) return "has a private key that can not be read: " + error;
    if (has_certificate(bytes)) {
        return "has a certificate and no private key: are cert and key exchanged?";
    }
    if (has(bytes, "PUBLIC KEY-----")) return "is a public key: the private one is wanted";
    const unsigned char* der = der_of(bytes);
    const Owned<EVP_PKEY> key(d2i_AutoPrivateKey(nullptr, &der, static_cast<long>(bytes.size())));
    if (key) return "is DER, not PEM: openssl pkey -inform DER -in " + path + " -out new.key";
    return "has no private key in PEM (-----BEGIN PRIVATE KEY-----): " + error;
}

/// The certificates of a PEM text in their order; other things in it are passed over.
Result<Chain, std::string> certificates_in(std::string_view bytes, const std::string& path) {
    Chain chain;
    const Owned<BIO> bio = over(bytes);
    ERR_clear_error();
    while (bio) {
        Owned<X509> next(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_passphrase, nullptr));
        if (!next) break;
        chain.push_back(std::move(next));
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    const std::string error = openssl_error();
    if (chain.empty()) {
        std::string problem = not_a_certificate(bytes, path, error);
        ERR_clear_error();
        return Failure{std::move(problem)};
    }
    if (!at_end) {
        return Failure{"has a certificate that can not be read, number " +
                       std::to_string(chain.size() + 1) + " in it: " + error};
    }
    // OpenSSL reads extensions when it first needs them, which would be in the handshakes of all
    // workers at once.
    for (const auto& certificate : chain) (void)X509_get_extension_flags(certificate.get());
    ERR_clear_error();
    return chain;
}

std::int64_t unix_time(const ASN1_TIME* time) {
    std::tm utc{};
    if (ASN1_TIME_to_tm(time, &utc) != 1) return 0;
    return static_cast<std::int64_t>(::timegm(&utc));
}

std::int64_t begin_of(const X509& certificate) {
    return unix_time(X509_get0_notBefore(&certificate));
}
std::int64_t end_of(const X509& certificate) { return unix_time(X509_get0_notAfter(&certificate)); }

bool fits(const X509& certificate, const EVP_PKEY& key) {
    const EVP_PKEY* const own = X509_get0_pubkey(&certificate);
    return own != nullptr && EVP_PKEY_eq(own, &key) == 1;
}

std::string not_its_key(const Chain& chain, const std::string& cert, const EVP_PKEY& key) {
    for (std::size_t i = 1; i < chain.size(); ++i) {
        if (fits(*chain[i], key)) {
            return "belongs to certificate number " + std::to_string(i + 1) + " in " + cert +
                   ": that one must be the first there, and its issuers follow it";
        }
    }
    return "does not belong to the certificate in " + cert;
}

std::optional<std::string> use_chain(SSL_CTX* context, Chain& chain) {
    ERR_clear_error();
    if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) return openssl_error();
    SSL_CTX_clear_chain_certs(context);
    for (std::size_t i = 1; i < chain.size(); ++i) {
        if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) return openssl_error();
    }
    return std::nullopt;
}

}  // namespace

std::string openssl_error() {
    const unsigned long code = ERR_peek_error();
    std::string text = "unknown error";
    if (ERR_SYSTEM_ERROR(code)) {
        text = std::strerror(ERR_GET_REASON(code));
    } else if (const char* reason = ERR_reason_error_string(code)) {
        text = reason;
    }
    ERR_clear_error();
    return text;
}

Validity validity_of(const x509_st& certificate) {
    return {.begins_s = begin_of(certificate), .ends_s = end_of(certificate)};
}

Result<Validity, std::string> load_certificate(ssl_ctx_st* context, const std::string& cert,
                                               const std::string& key) {
    const std::string at_cert = "cert: " + cert + ": ", at_key = "key: " + key + ": ";
    const auto cert_bytes = read_file(cert, FileAudience::everybody, kPemMaxBytes);
    if (!cert_bytes) return Failure{at_cert + cert_bytes.error()};
    auto chain = certificates_in(cert_bytes->bytes(), cert);
    if (!chain) return Failure{at_cert + chain.error()};

    const auto key_bytes = read_file(key, FileAudience::group, kPemMaxBytes);
    if (!key_bytes) return Failure{at_key + key_bytes.error()};
    const Owned<BIO> bio = over(key_bytes->bytes());
    ERR_clear_error();
    const Owned<EVP_PKEY> private_key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    if (!private_key) {
        const std::string error = openssl_error();
        std::string problem = not_a_key(key_bytes->bytes(), key, error);
        ERR_clear_error();
        return Failure{at_key + problem};
    }
    if (!fits(*chain->front(), *private_key)) {
        return Failure{at_key + not_its_key(*chain, cert, *private_key)};
    }
    if (const auto problem = use_chain(context, *chain)) return Failure{at_cert + *problem};
    if (SSL_CTX_use_PrivateKey(context, private_key.get()) != 1) {
        return Failure{at_key + openssl_error()};
    }
    // Of the first one only: issuers that have ended are passed over where others lead to a root.
    return Validity{"cert", cert, begin_of(*chain->front()), end_of(*chain->front()),
                    std::string(bytes_of(sha256(cert_bytes->bytes())))};
}

Result<Validity, std::string> load_trusted(x509_store_st* store, const std::string& ca,
                                           ssl_ctx_st* asking_server) {
    const auto bytes = read_file(ca, FileAudience::everybody, kPemMaxBytes);
    if (!bytes) return Failure{ca + ": " + bytes.error()};
    const auto trusted = certificates_in(bytes->bytes(), ca);
    if (!trusted) return Failure{ca + ": " + trusted.error()};
    // Of many CAs in one file some have always ended; the last one to end is what matters.
    Validity validity{"ca", ca, std::numeric_limits<std::int64_t>::max(),
                      std::numeric_limits<std::int64_t>::min(),
                      std::string(bytes_of(sha256(bytes->bytes())))};
    ERR_clear_error();
    for (const auto& certificate : *trusted) {
        const bool added = X509_STORE_add_cert(store, certificate.get()) == 1 &&
                           (asking_server == nullptr ||
                            SSL_CTX_add_client_CA(asking_server, certificate.get()) == 1);
        if (!added) return Failure{ca + ": " + openssl_error()};
        validity.begins_s = std::min(validity.begins_s, begin_of(*certificate));
        validity.ends_s = std::max(validity.ends_s, end_of(*certificate));
    }
    return validity;
}

}  // namespace inout
