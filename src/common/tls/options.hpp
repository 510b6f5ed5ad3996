// What a configuration says of TLS: values, as they are given. Usable from any thread.
#pragma once

#include <compare>
#include <string>

namespace inout {

/// How in and out speak TLS to a proxy. Files are PEM. There is no way to skip verification.
struct TlsClientOptions {
    std::string ca;           ///< file of the certificates to trust; empty: the system's
    std::string server_name;  ///< what the proxy's certificate must be for; empty: server_host
    std::string cert, key;    ///< our own certificate chain and its key; both or none
    std::string pin;  ///< "sha256/BASE64": the hash of the proxy's public key (RFC 7469, 2.4)

    auto operator<=>(const TlsClientOptions&) const = default;
};

enum class TlsMode {
    off,       ///< a TLS client is refused
    optional,  ///< plain and TLS on the same port
    required,  ///< a plain client is refused
};
enum class TlsVersion { v1_2, v1_3 };

struct TlsServerOptions {
    std::string cert, key;  ///< files (PEM): the certificate chain, its key
    TlsMode mode = TlsMode::required;
    std::string client_ca;  ///< set: a TLS client must have a certificate of this CA
    TlsVersion min_version = TlsVersion::v1_3;

    bool operator==(const TlsServerOptions&) const = default;
};

}  // namespace inout
