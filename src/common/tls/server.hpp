// TlsServer: the proxy's side of TLS. Made once at start; sessions are made on any thread.
//
// Session tickets are encrypted with a key that changes every kTicketKeyLife and exists in this
// process only: a resumed session saves its two sides the certificates, nothing else; what it may
// do is looked up anew.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.hpp"
#include "common/rules/validity.hpp"
#include "common/tls/context.hpp"
#include "common/tls/options.hpp"

namespace inout {

class TicketKeys;

class TlsServer {
  public:
    /// The failure names the key of the configuration, the file, and what is wrong with it.
    static Result<std::unique_ptr<TlsServer>, std::string> make(const TlsServerOptions& options);
    ~TlsServer();
    TlsServer(const TlsServer&) = delete;
    TlsServer& operator=(const TlsServer&) = delete;

    SslPtr session() const;
    /// Of our certificate, and of the CA of clients.
    const std::vector<Validity>& validities() const { return validities_; }

  private:
    TlsServer();
    SslContextPtr context_;
    std::vector<Validity> validities_;
    std::unique_ptr<TicketKeys> keys_;
};

}  // namespace inout
