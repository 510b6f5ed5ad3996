#include "common/tls/server.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "common/tls/files.hpp"
#include "common/tls/names.hpp"
#include "common/tls/tickets.hpp"

namespace inout {
namespace {

/// OpenSSL's callback, see SSL_CTX_set_tlsext_ticket_key_evp_cb(3): 0 means a full handshake.
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                   EVP_MAC_CTX* mac, int encrypting) {
    auto& keys = *static_cast<TicketKeys*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const std::span<unsigned char, TicketKeys::kNameBytes> name_bytes(name, TicketKeys::kNameBytes);
    const auto now = Clock::now();
    const auto key = encrypting == 1 ? keys.current(now) : keys.find(name_bytes, now);
    if (!key) return 0;
    const auto* aes = EVP_aes_256_cbc();
    if (encrypting == 1) {
        std::copy(key->name.begin(), key->name.end(), name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) != 1) return -1;
    }
    if (EVP_CipherInit_ex(cipher, aes, nullptr, key->encryption.data(), iv, encrypting) != 1) {
        return -1;
    }
    auto secret = key->authentication;
    char digest[] = "SHA256";
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret.data(), secret.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};
    return EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 ? 1 : -1;
}

/// OpenSSL's callback, see SSL_CTX_set_session_ticket_cb(3): a ticket of a client whose certificate
/// has ended since asks for a full handshake, which then says so. Otherwise a chain of tickets,
/// each made from the one before, would carry a certificate on for ever.
SSL_TICKET_RETURN judge_ticket(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t,
                               SSL_TICKET_STATUS status, void*) {
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) {
        return SSL_TICKET_RETURN_IGNORE_RENEW;  // none, or not ours: the same as without this
    }
    const X509* const certificate = SSL_SESSION_get0_peer(session);
    if (certificate != nullptr && has_ended(*certificate)) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/// OpenSSL's callback, called for a client that offers protocols: ours, or the alert
/// no_application_protocol (RFC 7301, 3.2).
int select_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned int size, void*) {
    unsigned char* found = nullptr;
    const int result =
        SSL_select_next_proto(&found, chosen_size, kAlpn, sizeof kAlpn, offered, size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// The same for HTTP, which there is only one of here.
int select_http(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                const unsigned char* offered, unsigned int size, void*) {
    unsigned char* found = nullptr;
    const int result =
        SSL_select_next_proto(&found, chosen_size, kAlpnHttp, sizeof kAlpnHttp, offered, size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

TlsServer::TlsServer(const TlsServerOptions& options)
    : options_(options), keys_(std::make_shared<TicketKeys>()) {}
TlsServer::~TlsServer() = default;

Result<std::unique_ptr<TlsServer>, std::string> TlsServer::make(const TlsServerOptions& options,
                                                                const TlsServer* before,
                                                                TlsProtocol protocol) {
    std::unique_ptr<TlsServer> server(new TlsServer(options));
    server->context_ = make_context(TlsSide::server, options.min_version == TlsVersion::v1_2);
    SSL_CTX* const context = server->context_.get();
    auto own = load_certificate(context, options.cert, options.key);
    if (!own) return Failure{"tls." + own.error()};
    own->key = "tls.cert";
    server->validities_.push_back(std::move(*own));
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_timeout(context,
                        std::chrono::duration_cast<std::chrono::seconds>(kTicketKeyLife).count());
    SSL_CTX_set_alpn_select_cb(
        context, protocol == TlsProtocol::http ? select_http : select_protocol, nullptr);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key);
    SSL_CTX_set_session_ticket_cb(context, nullptr, judge_ticket, nullptr);
    if (!options.client_ca.empty()) {
        auto trusted = load_trusted(SSL_CTX_get_cert_store(context), options.client_ca, context);
        if (!trusted) return Failure{"tls.client_ca: " + trusted.error()};
        trusted->key = "tls.client_ca";
        server->clients_ = trusted->digest;
        server->validities_.push_back(std::move(*trusted));
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
        // Demanded by OpenSSL for resumption where clients are verified; any fixed value will do.
        static constexpr unsigned char kContext[] = "inout proxy";
        SSL_CTX_set_session_id_context(context, kContext, sizeof kContext - 1);
    }
    if (before != nullptr && server->trusts_like(*before)) server->keys_ = before->keys_;
    SSL_CTX_set_app_data(context, server->keys_.get());
    return server;
}

std::vector<std::string> TlsServer::names() const {
    std::vector<std::string> names;
    const X509* const certificate = SSL_CTX_get0_certificate(context_.get());
    if (certificate == nullptr) return names;
    for (auto& [kind, text] : certificate_names(*certificate)) {
        if (kind == CertificateName::Kind::dns || kind == CertificateName::Kind::common_name) {
            names.push_back(std::move(text));
        }
    }
    return names;
}

SslPtr TlsServer::session() const {
    SslPtr ssl(SSL_new(context_.get()), {weak_from_this().lock()});
    if (!ssl) throw std::bad_alloc();  // costs this connection only
    SSL_set_accept_state(ssl.get());
    return ssl;
}

}  // namespace inout
