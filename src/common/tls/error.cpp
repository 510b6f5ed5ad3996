// OpenSSL's reason codes as error codes, with what an alert of the other side means for a person.
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>
#include <string_view>

#include "common/tls/session.hpp"

namespace inout {
namespace {

/// Of an alert that was received; empty for all that OpenSSL's own words explain well enough.
std::string_view alert_meaning(int reason) {
    switch (reason) {
        // Over TLS 1.3 it comes when our handshake is done, as the answer to the first message.
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return "it demands a certificate of ours: set tls.cert and tls.key";
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
            // A client sends it too, when the key is not the one that it has pinned.
            return "it may demand a certificate of ours (tls.cert), have pinned another key than "
                   "ours, or speak no version or cipher that we do";
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            return "it does not trust our certificate: is it of the CA that the other side names?";
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
            return "it does not accept our certificate: is it of the right CA, and for this use?";
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            return "our certificate has ended, by the clock of the other side";
        case SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL:
            return "it speaks another protocol than inout/1";
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return "it speaks no version of TLS that we do";
        default: return {};
    }
}

class TlsCategory : public std::error_category {
  public:
    const char* name() const noexcept override { return "tls"; }
    std::string message(int reason) const override {
        if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) return "cut without close_notify";
        if (reason == SSL_R_TOO_MANY_KEY_UPDATES) return "too many TLS records without content";
        const char* text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
        std::string words = text != nullptr ? text : "TLS error " + std::to_string(reason);
        const std::string_view meaning = alert_meaning(reason);
        if (!meaning.empty()) words.append(": ").append(meaning);
        return words;
    }
};

}  // namespace

const std::error_category& tls_category() {
    static const TlsCategory instance;
    return instance;
}

bool is_tls_cut(const std::error_code& error) {
    return error == std::error_code(SSL_R_UNEXPECTED_EOF_WHILE_READING, tls_category());
}

}  // namespace inout
