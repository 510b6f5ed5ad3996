#include "common/tls/context.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <new>

#include "common/base/crypto.hpp"
#include "common/tls/files.hpp"

namespace inout {
namespace {

/// Nothing if OpenSSL can not, for example because its own configuration forbids it.
SslContextPtr try_context(TlsSide side, bool allow_1_2) {
    SslContextPtr context(
        SSL_CTX_new(side == TlsSide::server ? TLS_server_method() : TLS_client_method()));
    SSL_CTX* const c = context.get();
    if (c == nullptr) return nullptr;
    SSL_CTX_set_min_proto_version(c, allow_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // AES-128 first: as safe here, and a fifth faster than AES-256. Both sides of a hop are ours.
    const bool suites = SSL_CTX_set_ciphersuites(c,
                                                 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                                 "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
                        SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
    // OpenSSL would also take finite fields, of which one exchange costs as much as 200 of these: a
    // stranger could keep a processor busy with 50 connections a second. P-384 costs its server 20
    // times as much as X25519, so it is for clients of other servers only.
    const bool groups =
        SSL_CTX_set1_groups_list(
            c, side == TlsSide::server ? "X25519:P-256" : "X25519:P-256:P-384") == 1;
    if (!suites || !groups) return nullptr;
    // Idle sessions hold no buffers; a write may be repeated from a longer or moved buffer; one
    // read fetches a record's header and body together.
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(c, 1);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    return context;
}

}  // namespace

void SslContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

bool has_ended(const x509_st& certificate) {
    return X509_cmp_current_time(X509_get0_notAfter(&certificate)) <= 0;  // 0: not to be read
}

std::optional<std::string> tls_problem() {
    if (auto problem = crypto_problem()) return problem;
    for (const TlsSide side : {TlsSide::server, TlsSide::client}) {
        ERR_clear_error();
        if (!try_context(side, true)) return "OpenSSL can not do TLS: " + openssl_error();
    }
    return std::nullopt;
}

SslContextPtr make_context(TlsSide side, bool allow_1_2) {
    SslContextPtr context = try_context(side, allow_1_2);
    if (!context) throw std::bad_alloc();  // at start it was asked whether the rest works
    return context;
}

}  // namespace inout
