#include "common/app/proxy_words.hpp"

namespace inout {
namespace {

/// A record of TLS with an alert or a handshake message (RFC 8446, 5.1).
bool is_tls(std::string_view bytes) {
    return bytes.size() >= 3 && (bytes[0] == 0x15 || bytes[0] == 0x16) && bytes[1] == 3;
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace

std::string why_no_answer(const ReadError& error, const HostPort& server, bool secured) {
    const std::string place = to_string(server);
    const std::string_view hint =
        secured ? " (is it an inout proxy?)" : " (is it an inout proxy, and does it demand TLS?)";
    switch (error.kind) {
        case ReadError::Kind::ended:
            return place + " ended the connection without an answer" + std::string(hint);
        case ReadError::Kind::failed:
            // An alert is what it says; over TLS 1.3 that of a missing certificate comes here.
            if (error.cause.category() == tls_category()) {
                return place + ": TLS: " + error.cause.message();
            }
            return place + ": " + error.cause.message() + ", before any answer" + std::string(hint);
        case ReadError::Kind::malformed:
            if (!secured && is_tls(error.seen)) {
                return "what answers at " + place + " speaks TLS, and \"tls\" is not configured";
            }
            if (error.seen.empty()) break;
            return "what answers at " + place + " is no inout proxy; it says: " + error.seen;
        case ReadError::Kind::unknown_type: break;
    }
    return "what answers at " + place + " is no inout proxy: " + to_string(error);
}

std::string why_silent(const HostPort& server) {
    return "no answer in time: what listens at " + to_string(server) +
           " says nothing (is it an inout proxy, and does it demand TLS?)";
}

std::string_view tls_hint(std::string_view failure) {
    if (contains(failure, "wrong version number") || contains(failure, "packet length") ||
        contains(failure, "record layer failure")) {
        return " (what answers there does not speak TLS: is it the proxy's port, and has that "
               "TLS?)";
    }
    if (contains(failure, "reset by peer") || contains(failure, "unexpected eof") ||
        contains(failure, "end of file") || contains(failure, "no answer in time")) {
        return " (is it the proxy's port, and is TLS on there?)";
    }
    return {};
}

}  // namespace inout
