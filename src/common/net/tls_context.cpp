#include "common/net/tls_context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <cstdlib>

namespace inout {
namespace {

/// A daemon has nobody who could type one; OpenSSL's default would ask at the terminal.
int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace

void SslContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

bool has_ended(const x509_st& certificate) {
    return X509_cmp_current_time(X509_get0_notAfter(&certificate)) <= 0;  // 0: not to be read
}

std::string openssl_error() {
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason != nullptr ? reason : "unknown error";
}

SslContextPtr make_context(TlsSide side, bool allow_1_2) {
    SslContextPtr context(
        SSL_CTX_new(side == TlsSide::server ? TLS_server_method() : TLS_client_method()));
    SSL_CTX* const c = context.get();
    if (c == nullptr) std::abort();  // no memory, or no cryptography: nothing can go on
    SSL_CTX_set_min_proto_version(c, allow_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // AES-128 first: as safe here, and a fifth faster than AES-256. Both sides of a hop are ours.
    SSL_CTX_set_ciphersuites(
        c, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
    SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20");
    // OpenSSL would also take finite fields, of which one exchange costs as much as 200 of these: a
    // stranger could keep a processor busy with 50 connections a second. P-384 costs its server 20
    // times as much as X25519, so it is for clients of other servers only.
    SSL_CTX_set1_groups_list(c, side == TlsSide::server ? "X25519:P-256" : "X25519:P-256:P-384");
    // Idle sessions hold no buffers; a write may be repeated from a longer or moved buffer; one
    // read fetches a record's header and body together.
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(c, no_passphrase);
    return context;
}

std::optional<std::string> load_certificate(ssl_ctx_st* context, const std::string& cert,
                                            const std::string& key) {
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1) {
        return "cert: " + cert + ": " + openssl_error();
    }
    struct stat status {};
    if (::stat(key.c_str(), &status) == 0 && (status.st_mode & S_IRWXO) != 0) {
        return "key: " + key + ": must not be readable by others: chmod o= " + key;
    }
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return "key: " + key + ": " + openssl_error();
    }
    return std::nullopt;
}

std::optional<std::string> load_trusted(ssl_ctx_st* context, const std::string& ca) {
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(context, ca.c_str()) != 1) return ca + ": " + openssl_error();
    return std::nullopt;
}

}  // namespace inout
