#include "common/tls/trust.hpp"

#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <new>

#include "common/tls/files.hpp"

namespace inout {
namespace {

/// Where systems keep the authorities that they trust, in one file: Debian and Alpine, Fedora and
/// RHEL, the same as its update-ca-trust(8) makes it, SUSE, and Alpine's other name.
constexpr std::array kSystemTrusts{"/etc/ssl/certs/ca-certificates.crt",
                                   "/etc/pki/tls/certs/ca-bundle.crt",
                                   "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
                                   "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};

/// Whether OpenSSL finds something itself: by its variables, or at its places, which are those of
/// the system that it was built for.
bool has_default_trust() {
    for (const char* variable :
         {X509_get_default_cert_file_env(), X509_get_default_cert_dir_env()}) {
        if (std::getenv(variable) != nullptr) return true;
    }
    namespace fs = std::filesystem;
    std::error_code error;
    if (fs::exists(X509_get_default_cert_file(), error)) return true;
    const fs::directory_iterator entries(X509_get_default_cert_dir(), error);
    return !error && entries != fs::directory_iterator();
}

/// The failure says what is wrong.
std::optional<std::string> add_system_trust(X509_STORE* store) {
    if (X509_STORE_set_default_paths(store) != 1) {
        return "the system's certificates: " + openssl_error();
    }
    if (has_default_trust()) return std::nullopt;
    for (const char* file : kSystemTrusts) {
        std::error_code error;
        if (!std::filesystem::exists(file, error)) continue;
        if (X509_STORE_load_file(store, file) == 1) return std::nullopt;
        return "the system's certificates: " + std::string(file) + ": " + openssl_error();
    }
    return std::nullopt;  // whoever is met is not trusted, which says so
}

}  // namespace

Result<TrustStores::Trust, std::string> TrustStores::get(const std::string& ca) {
    if (const auto known = trusts_.find(ca); known != trusts_.end()) return known->second;
    Trust trust{{X509_STORE_new(), &X509_STORE_free}};
    if (!trust.store) throw std::bad_alloc();
    if (!ca.empty()) {
        auto validity = load_trusted(trust.store.get(), ca);
        if (!validity) return Failure{validity.error()};
        trust.validity = std::move(*validity);
    } else if (auto problem = add_system_trust(trust.store.get())) {
        return Failure{std::move(*problem)};
    }
    return trusts_.emplace(ca, std::move(trust)).first->second;
}

}  // namespace inout
