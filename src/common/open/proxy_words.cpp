#include "common/open/proxy_words.hpp"

namespace inout {
namespace {

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
            if (!secured && is_tls_answer(error.seen)) {
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

std::string why_no_handshake(std::string_view seen, const HostPort& server) {
    return "what answers at " + to_string(server) +
           " is no inout proxy, and speaks no TLS; it says: " + std::string(seen);
}

std::string_view tls_hint(std::string_view failure) {
    if (contains(failure, "reset by peer") || contains(failure, "unexpected eof") ||
        contains(failure, "end of file") || contains(failure, "no answer in time")) {
        return " (is it the proxy's port, and is TLS on there?)";
    }
    return {};
}

}  // namespace inout
