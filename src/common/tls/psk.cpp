#include "common/tls/psk.hpp"

#include <openssl/ssl.h>

#include <algorithm>
#include <new>

#include "common/base/crypto.hpp"

namespace inout {
namespace {

constexpr std::string_view kKeyLabel = "inout e2e 1 key", kNameLabel = "inout e2e 1 name";
constexpr std::size_t kIdentityBytes = 8;

/// As ALPN lists protocols (RFC 7301, 3.1), behind their lengths.
constexpr std::string_view kCompressionProtocols = "\x0cinout-zstd-1";

/// Both suites hash with SHA-256, as a key of 32 bytes needs (RFC 8446, 4.2.11).
constexpr const char* kSuites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
constexpr unsigned char kSuiteId[] = {0x13, 0x01};  // TLS_AES_128_GCM_SHA256

/// Takes what is offered if it is ours; else the session has no such protocol, and goes on.
int choose_compression(SSL*, const unsigned char** chosen, unsigned char* size,
                       const unsigned char* offered, unsigned int offered_size, void*) {
    const std::string_view ours = kCompressionProtocols;
    unsigned char* found = nullptr;
    const int result =
        SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                              static_cast<unsigned int>(ours.size()), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void speak_of_compression(SSL_CTX* context, TlsSide side) {
    const std::string_view ours = kCompressionProtocols;
    if (side == TlsSide::server) {
        SSL_CTX_set_alpn_select_cb(context, choose_compression, nullptr);
    } else if (SSL_CTX_set_alpn_protos(context, reinterpret_cast<const unsigned char*>(ours.data()),
                                       static_cast<unsigned int>(ours.size())) != 0) {
        throw std::bad_alloc();
    }
}

/// What OpenSSL takes a key in: a session, made anew for each handshake. A session has a lifetime
/// by the wall clock, 304 s from its making unless told otherwise, and a server refuses one that is
/// older; the key has none. nullptr: no memory, and the handshake fails.
SSL_SESSION* make_session(SSL* ssl, const Digest& key) {
    SSL_SESSION* const session = SSL_SESSION_new();
    const bool made = session != nullptr &&
                      SSL_SESSION_set1_master_key(session, key.data(), key.size()) == 1 &&
                      SSL_SESSION_set_cipher(session, SSL_CIPHER_find(ssl, kSuiteId)) == 1 &&
                      SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1;
    if (made) return session;
    SSL_SESSION_free(session);
    return nullptr;
}

}  // namespace

TlsPsk::TlsPsk(TlsSide side, const std::vector<Secret>& keys, std::string_view topic,
               bool compresses)
    : TlsPsk(side, keys, topic, compresses, make_context(side)) {
    SSL_CTX* const context = context_.get();
    SSL_CTX_set_ciphersuites(context, kSuites);
    SSL_CTX_set_num_tickets(context, 0);
    // A relay that answers with a certificate instead of the key is refused: none is trusted.
    if (side == TlsSide::client) SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_psk_use_session_callback(context, offer);
    SSL_CTX_set_psk_find_session_callback(context, find);
    if (compresses_) speak_of_compression(context, side);
}

TlsPsk::TlsPsk(TlsSide side, const std::vector<Secret>& keys, std::string_view topic,
               bool compresses, SslContextPtr context)
    : side_(side), secrets_(keys), compresses_(compresses), context_(std::move(context)) {
    keys_.reserve(keys.size());  // growing would leave copies behind
    for (const Secret& key : keys) {
        Digest derived = hkdf_sha256(key.bytes(), kKeyLabel, topic);
        const Digest name = hkdf_sha256(key.bytes(), kNameLabel, "");
        keys_.push_back({to_hex(bytes_of(name).substr(0, kIdentityBytes)), derived});
        wipe(derived.data(), derived.size());
    }
}

TlsPsk::~TlsPsk() {
    for (Key& key : keys_) wipe(key.derived.data(), key.derived.size());
}

std::shared_ptr<const TlsPsk> TlsPsk::for_topic(std::string_view topic) const {
    SSL_CTX_up_ref(context_.get());
    SslContextPtr shared(context_.get());
    return std::shared_ptr<const TlsPsk>(
        new TlsPsk(side_, secrets_, topic, compresses_, std::move(shared)));
}

SslPtr TlsPsk::session() const {
    SslPtr ssl(SSL_new(context_.get()), {weak_from_this().lock()});
    // Only the keys are what the callbacks need of it, and they do not change them.
    if (!ssl || SSL_set_app_data(ssl.get(), const_cast<TlsPsk*>(this)) != 1) {
        throw std::bad_alloc();  // costs this connection only
    }
    if (side_ == TlsSide::client) {
        SSL_set_connect_state(ssl.get());
    } else {
        SSL_set_accept_state(ssl.get());
    }
    return ssl;
}

int TlsPsk::offer(ssl_st* ssl, const evp_md_st*, const unsigned char** identity, std::size_t* size,
                  ssl_session_st** session) {
    const auto& psk = *static_cast<const TlsPsk*>(SSL_get_app_data(ssl));
    const Key& key = psk.keys_.front();
    *identity = reinterpret_cast<const unsigned char*>(key.identity.data());
    *size = key.identity.size();
    *session = make_session(ssl, key.derived);  // OpenSSL writes into it, and frees it
    return *session != nullptr ? 1 : 0;
}

int TlsPsk::find(ssl_st* ssl, const unsigned char* identity, std::size_t size,
                 ssl_session_st** session) {
    const auto& psk = *static_cast<const TlsPsk*>(SSL_get_app_data(ssl));
    const std::string_view wanted(reinterpret_cast<const char*>(identity), size);
    const auto key = std::ranges::find(psk.keys_, wanted, &Key::identity);
    // Without one, and without a certificate, the handshake fails.
    *session = key != psk.keys_.end() ? make_session(ssl, key->derived) : nullptr;
    return 1;
}

}  // namespace inout
