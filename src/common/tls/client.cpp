#include "common/tls/client.hpp"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <new>

#include "common/base/crypto.hpp"
#include "common/base/host_port.hpp"
#include "common/tls/files.hpp"
#include "common/tls/pinned_key.hpp"

namespace inout {
namespace {

/// As certificates have it: without the dot that ends a complete name, and without a zone.
std::string certificate_name(std::string host) {
    if (host.ends_with('.')) host.pop_back();
    return host.substr(0, host.find('%'));
}

}  // namespace

Result<std::unique_ptr<TlsClient>, std::string> TlsClient::make(const TlsClientOptions& options,
                                                                const std::string& server_host,
                                                                TrustStores& trusts,
                                                                TlsProtocol protocol) {
    std::unique_ptr<TlsClient> client(new TlsClient());
    client->tickets_.reserve(kTlsSessionsMax + 1);
    // 1.2 is for an nginx in front; a proxy of ours takes it only if it was told to.
    client->context_ = make_context(TlsSide::client, true);
    SSL_CTX* const context = client->context_.get();
    client->server_name_ =
        certificate_name(options.server_name.empty() ? server_host : options.server_name);
    client->chain_matters_ = options.pin.empty() || !options.ca.empty();
    if (!options.cert.empty()) {
        auto own = load_certificate(context, options.cert, options.key);
        if (!own) return Failure{"tls." + own.error()};
        own->key = "tls.cert";
        client->validities_.push_back(std::move(*own));
    }
    if (client->chain_matters_) {
        const auto trust = trusts.get(options.ca);
        if (!trust) return Failure{"tls.ca: " + trust.error()};
        SSL_CTX_set1_cert_store(context, trust->store.get());
        if (trust->validity) {
            client->validities_.push_back(*trust->validity);
            client->validities_.back().key = "tls.ca";
        }
    }
    if (!options.pin.empty()) {
        client->pin_ = from_base64(options.pin.substr(options.pin.find('/') + 1)).value_or("");
        SSL_CTX_set_cert_verify_callback(context, verify, client.get());
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    // Absent from an answer it means nothing: an older proxy or an nginx selects none.
    const bool ours = protocol == TlsProtocol::inout;
    if (SSL_CTX_set_alpn_protos(context, ours ? kAlpn : kAlpnHttp,
                                ours ? sizeof kAlpn : sizeof kAlpnHttp) != 0) {
        return Failure{"tls: " + openssl_error()};
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(context, client.get());
    SSL_CTX_sess_set_new_cb(context, keep_ticket);
    return client;
}

TlsClient::~TlsClient() {
    for (ssl_session_st* ticket : tickets_) SSL_SESSION_free(ticket);
}

SslPtr TlsClient::session() {
    SslPtr ssl(SSL_new(context_.get()), {weak_from_this().lock()});
    if (!ssl) throw std::bad_alloc();  // costs this connection only
    SSL_set_connect_state(ssl.get());
    bool named = false;
    X509_VERIFY_PARAM* const expected = SSL_get0_param(ssl.get());
    if (is_address_literal(server_name_)) {
        named = X509_VERIFY_PARAM_set1_ip_asc(expected, server_name_.c_str()) == 1;
    } else {
        X509_VERIFY_PARAM_set_hostflags(expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        named = SSL_set_tlsext_host_name(ssl.get(), server_name_.c_str()) == 1 &&
                X509_VERIFY_PARAM_set1_host(expected, server_name_.c_str(), server_name_.size());
    }
    // Without memory for the name no name would be checked.
    if (!named) throw std::bad_alloc();
    const std::lock_guard lock(mutex_);
    while (!tickets_.empty() && !is_usable(tickets_.back())) {
        SSL_SESSION_free(tickets_.back());
        tickets_.pop_back();
    }
    if (!tickets_.empty()) {
        // A copy, because OpenSSL writes into what it uses, and other threads may use this one.
        ssl_session_st* const ticket = SSL_SESSION_dup(tickets_.back());
        if (ticket == nullptr) return ssl;
        SSL_set_session(ssl.get(), ticket);
        SSL_SESSION_free(ticket);
        // The last one is used again until the server sends another (RFC 8446, C.4 has the price:
        // somebody on the path can tell that both connections are of one client).
        if (tickets_.size() > 1) {
            SSL_SESSION_free(tickets_.back());
            tickets_.pop_back();
        }
    }
    return ssl;
}

/// Not one of a server whose certificate has ended since: a full handshake then says so.
bool TlsClient::is_usable(const ssl_session_st* ticket) const {
    if (SSL_SESSION_is_resumable(ticket) != 1) return false;
    const X509* const certificate = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(ticket));
    return !chain_matters_ || certificate == nullptr || !has_ended(*certificate);
}

int TlsClient::keep_ticket(ssl_st* ssl, ssl_session_st* session) {
    auto& client = *static_cast<TlsClient*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    const std::lock_guard lock(client.mutex_);
    // A copy: OpenSSL spoils that of a connection that ends without close_notify.
    SSL_SESSION* const copy = SSL_SESSION_dup(session);
    if (copy != nullptr) client.tickets_.push_back(copy);  // has room: nothing may be thrown here
    if (client.tickets_.size() > kTlsSessionsMax) {
        SSL_SESSION_free(client.tickets_.front());
        client.tickets_.erase(client.tickets_.begin());
    }
    return 0;  // the session itself stays its connection's
}

int TlsClient::verify(x509_store_ctx_st* store, void* self) {
    const auto& client = *static_cast<const TlsClient*>(self);
    if (client.chain_matters_ && X509_verify_cert(store) != 1) return 0;
    try {
        if (client.has_pinned_key(store)) {
            X509_STORE_CTX_set_error(store, X509_V_OK);
            return 1;
        }
    } catch (const std::bad_alloc&) {
        // OpenSSL, which called this, knows no exceptions.
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

bool TlsClient::has_pinned_key(x509_store_ctx_st* store) const {
    X509* const certificate = X509_STORE_CTX_get0_cert(store);
    if (certificate == nullptr) return false;
    const auto digest = hash_of_key(*certificate);
    return digest && pin_.size() == digest->size() &&
           std::equal(digest->begin(), digest->end(), pin_.begin(),
                      [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); });
}

}  // namespace inout
