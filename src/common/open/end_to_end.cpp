#include "common/open/end_to_end.hpp"

namespace inout {

Task<std::optional<Reason>> meet(Connection& proxy, std::unique_ptr<TlsSession> session,
                                 const char* peer) {
    proxy.secure(std::move(session));
    const auto error = co_await proxy.handshake();
    if (!error) co_return std::nullopt;
    std::string detail = std::string("end-to-end handshake with ") + peer + ": ";
    if (proxy.has_expired()) co_return Reason{Code::e2e, detail + "not done in time"};
    detail += proxy.tls()->failure();
    // Who leaves meanwhile is an RST; what is wrong with keys comes from TLS.
    if (error.category() != tls_category()) co_return Reason{Code::proxy_gone, detail};
    co_return Reason{Code::e2e, detail + " (is the key the same on both sides?)"};
}

}  // namespace inout
