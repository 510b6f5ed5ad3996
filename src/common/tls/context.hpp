// What all TLS endpoints of ours have in common: versions, ciphers, modes. Pieces of
// TlsServer, TlsClient and TlsPsk; an SSL_CTX is made when a configuration is loaded, and
// read by all threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/tls/session.hpp"

struct ssl_ctx_st;
struct x509_st;

namespace inout {

struct SslContextDeleter {
    void operator()(ssl_ctx_st* context) const;
};
using SslContextPtr = std::unique_ptr<ssl_ctx_st, SslContextDeleter>;

/// What our clients offer and our proxy selects (RFC 7301), in its wire form.
inline constexpr unsigned char kAlpn[] = {7, 'i', 'n', 'o', 'u', 't', '/', '1'};
inline constexpr unsigned char kAlpnHttp[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

/// What is spoken over a session, for clients that name what they speak (ALPN, RFC 7301).
enum class TlsProtocol {
    inout,  ///< ours; a client that names others is refused
    http,   ///< HTTP/1.1, also where a client does not name it
};

enum class TlsSide { client, server };

/// TLS 1.3 only, unless `allow_1_2`; ciphers with forward secrecy and authenticated encryption
/// only; no renegotiation, no compression, no early data.
/// Demands what tls_problem() looks for.
SslContextPtr make_context(TlsSide side, bool allow_1_2 = false);

/// Why OpenSSL can not do what is asked of it here, see crypto_problem; nothing: it can. To be
/// called at start, before anything that needs it.
std::optional<std::string> tls_problem();

/// Its last moment is over, by the wall clock.
bool has_ended(const x509_st& certificate);

}  // namespace inout
