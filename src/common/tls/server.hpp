// TlsServer: the proxy's side of TLS. Made when a configuration is loaded; sessions are made on any
// thread, and keep one that is shared alive.
//
// Session tickets are encrypted with a key that changes every kTicketKeyLife and exists in this
// process only: a resumed session saves its two sides the certificates, nothing else; what it may
// do is looked up anew. A server with another certificate takes the tickets of the one before it,
// but not where other clients are trusted.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/rules/validity.hpp"
#include "common/tls/context.hpp"
#include "common/tls/options.hpp"

namespace inout {

class TicketKeys;

class TlsServer : public std::enable_shared_from_this<TlsServer> {
  public:
    /// The failure names the key of the configuration, the file, and what is wrong with it.
    /// `before`: whose place it takes, if any.
    static Result<std::unique_ptr<TlsServer>, std::string> make(
        const TlsServerOptions& options, const TlsServer* before = nullptr,
        TlsProtocol protocol = TlsProtocol::inout);
    ~TlsServer();
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    SslPtr session() const;
    /// Of our certificate, and of the CA of clients.
    const std::vector<Validity>& validities() const { return validities_; }
    /// The host names that our certificate is for, which may begin with `*.`.
    std::vector<std::string> names() const;
    /// Whether both have the same options and certificates.
    bool is_like(const TlsServer& other) const {
        return options_ == other.options_ && validities_ == other.validities_;
    }
    /// Whether both ask for certificates of the same CAs, or for none.
    bool trusts_like(const TlsServer& other) const { return clients_ == other.clients_; }

  private:
    explicit TlsServer(const TlsServerOptions& options);
    const TlsServerOptions options_;
    SslContextPtr context_;
    std::vector<Validity> validities_;
    std::optional<std::string> clients_;  // the CAs' digest; nothing: no client is asked
    std::shared_ptr<TicketKeys> keys_;
};

}  // namespace inout
