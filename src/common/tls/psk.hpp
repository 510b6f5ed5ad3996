// TlsPsk: TLS from in to out through the proxy, with a key that the proxy never has.
//
// TLS 1.3 with an external pre-shared key and an ephemeral key exchange (RFC 8446, 2.2; forward
// secrecy), no certificates, no early data, no tickets. The key of a stream is derived from the key
// file and the topic, so a relay can not connect one topic's client to another's service. Made for
// a network when its configuration is loaded; sessions are made on any thread, and keep one that is
// shared alive.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/crypto.hpp"
#include "common/base/secret.hpp"
#include "common/tls/context.hpp"

struct evp_md_st;
struct ssl_session_st;

namespace inout {

class TlsPsk : public std::enable_shared_from_this<TlsPsk> {
  public:
    /// A client offers the first key, a server accepts each. `compresses`: it offers that what the
    /// session carries is compressed, or agrees to it (TlsSession::agreed_compression).
    TlsPsk(TlsSide side, const std::vector<Secret>& keys, std::string_view topic,
           bool compresses = false);
    ~TlsPsk();
    TlsPsk(const TlsPsk&) = delete;
    TlsPsk& operator=(const TlsPsk&) = delete;

    SslPtr session() const;
    /// The same keys for another topic, which a client has asked for. Costs two hashes for each:
    /// the context, of which making is dear, is this one's.
    std::shared_ptr<const TlsPsk> for_topic(std::string_view topic) const;
    /// Whether both have the same keys, for the same topic and side, and compress alike.
    bool is_like(const TlsPsk& other) const {
        return side_ == other.side_ && keys_ == other.keys_ && compresses_ == other.compresses_;
    }

  private:
    struct Key {
        std::string identity;  // travels in clear: says which key, and nothing about it
        Digest derived;

        bool operator==(const Key&) const = default;
    };
    TlsPsk(TlsSide side, const std::vector<Secret>& keys, std::string_view topic, bool compresses,
           SslContextPtr context);
    static int offer(ssl_st* ssl, const evp_md_st* digest, const unsigned char** identity,
                     std::size_t* size, ssl_session_st** session);
    static int find(ssl_st* ssl, const unsigned char* identity, std::size_t size,
                    ssl_session_st** session);

    const TlsSide side_;
    const std::vector<Secret> secrets_;
    const bool compresses_;
    SslContextPtr context_;
    std::vector<Key> keys_;
};

}  // namespace inout
