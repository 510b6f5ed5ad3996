// TlsClient: TLS of in and out towards one proxy. Made when a configuration is loaded; sessions are
// made on any thread, and keep one that is shared alive. Remembers session tickets, so that further
// connections need no certificates.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/rules/validity.hpp"
#include "common/tls/context.hpp"
#include "common/tls/options.hpp"
#include "common/tls/trust.hpp"

struct ssl_session_st;
struct x509_store_ctx_st;

namespace inout {

class TlsClient : public std::enable_shared_from_this<TlsClient> {
  public:
    /// `server_host` is whom to expect unless the options name another. The failure names the key
    /// of the configuration, the file, and what is wrong with it.
    static Result<std::unique_ptr<TlsClient>, std::string> make(
        const TlsClientOptions& options, const std::string& server_host, TrustStores& trusts,
        TlsProtocol protocol = TlsProtocol::inout);
    ~TlsClient();
    TlsClient(const TlsClient&) = delete;
    TlsClient& operator=(const TlsClient&) = delete;

    SslPtr session();
    /// Of our certificate, if we have one, and of the CA, if one is named.
    const std::vector<Validity>& validities() const { return validities_; }

  private:
    TlsClient() = default;
    bool is_usable(const ssl_session_st* ticket) const;
    static int keep_ticket(ssl_st* ssl, ssl_session_st* session);
    static int verify(x509_store_ctx_st* store, void* self);
    bool has_pinned_key(x509_store_ctx_st* store) const;

    SslContextPtr context_;
    std::vector<Validity> validities_;
    std::string server_name_;
    std::string pin_;  // SHA-256 of the key; empty: any key of a trusted certificate
    bool chain_matters_ = true;

    std::mutex mutex_;
    std::vector<ssl_session_st*> tickets_;  // owned; the newest at the back
};

}  // namespace inout
