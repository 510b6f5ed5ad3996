#include "common/tls/trust.hpp"

#include <openssl/x509_vfy.h>

#include <new>

#include "common/tls/files.hpp"

namespace inout {

Result<TrustStores::Trust, std::string> TrustStores::get(const std::string& ca) {
    if (const auto known = trusts_.find(ca); known != trusts_.end()) return known->second;
    Trust trust{{X509_STORE_new(), &X509_STORE_free}};
    if (!trust.store) throw std::bad_alloc();
    if (!ca.empty()) {
        auto validity = load_trusted(trust.store.get(), ca);
        if (!validity) return Failure{validity.error()};
        trust.validity = std::move(*validity);
    } else if (X509_STORE_set_default_paths(trust.store.get()) != 1) {
        return Failure{"the system's certificates: " + openssl_error()};
    }
    return trusts_.emplace(ca, std::move(trust)).first->second;
}

}  // namespace inout
