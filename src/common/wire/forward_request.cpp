#include "common/wire/forward_request.hpp"

namespace inout {
namespace {

/// RFC 1928, 6.
char socks5_reply(ForwardFailure failure) {
    switch (failure) {
        case ForwardFailure::not_allowed:
        case ForwardFailure::credentials: return 2;
        case ForwardFailure::unreachable: return 3;
        case ForwardFailure::unresolved: return 4;
        case ForwardFailure::refused: return 5;
        case ForwardFailure::timeout: return 6;
        case ForwardFailure::command: return 7;
        case ForwardFailure::address: return 8;
        case ForwardFailure::general:
        case ForwardFailure::limit:
        case ForwardFailure::malformed:
        case ForwardFailure::too_long:
        case ForwardFailure::version: break;
    }
    return 1;
}

/// RFC 9110, 15; of no connection RFC 9209 has no more than these.
std::string_view http_status(ForwardFailure failure) {
    switch (failure) {
        case ForwardFailure::general: break;
        case ForwardFailure::not_allowed: return "403 Forbidden";
        case ForwardFailure::unresolved:
        case ForwardFailure::unreachable:
        case ForwardFailure::refused: return "502 Bad Gateway";
        case ForwardFailure::timeout: return "504 Gateway Timeout";
        case ForwardFailure::limit: return "503 Service Unavailable";
        case ForwardFailure::command: return "501 Not Implemented";
        case ForwardFailure::credentials: return "407 Proxy Authentication Required";
        case ForwardFailure::address:
        case ForwardFailure::malformed: return "400 Bad Request";
        case ForwardFailure::too_long: return "431 Request Header Fields Too Large";
        case ForwardFailure::version: return "505 HTTP Version Not Supported";
    }
    return "500 Internal Server Error";
}

/// What it is bound to is told to nobody: 0.0.0.0, port 0.
std::string socks5_answer(char reply) { return {5, reply, 0, 1, 0, 0, 0, 0, 0, 0}; }

std::string socks4_answer(char code) { return {0, code, 0, 0, 0, 0, 0, 0}; }

}  // namespace

std::string_view to_string(ForwardProtocol protocol) {
    switch (protocol) {
        case ForwardProtocol::socks4: return "SOCKS4";
        case ForwardProtocol::socks5: break;
        case ForwardProtocol::http: return "HTTP";
    }
    return "SOCKS5";
}

std::optional<HostPort> forward_target(std::string_view host, std::uint16_t port) {
    const bool has_zone = host.find('%') != host.npos;
    if (port == 0 || has_zone || host == "." || check_host(host)) return std::nullopt;
    return HostPort{canonical_host(host), port};
}

std::string forward_success(ForwardProtocol protocol) {
    switch (protocol) {
        case ForwardProtocol::socks4: return socks4_answer(90);
        case ForwardProtocol::socks5: break;
        case ForwardProtocol::http: return "HTTP/1.1 200 Connection established\r\n\r\n";
    }
    return socks5_answer(0);
}

std::string forward_failure(ForwardProtocol protocol, ForwardFailure failure) {
    if (protocol == ForwardProtocol::socks4) return socks4_answer(91);
    if (protocol == ForwardProtocol::socks5) return socks5_answer(socks5_reply(failure));
    std::string answer = "HTTP/1.1 ";
    answer += http_status(failure);
    answer += "\r\n";
    if (failure == ForwardFailure::credentials) {
        answer += "Proxy-Authenticate: Basic realm=\"inout\"\r\n";
    }
    return answer + "Content-Length: 0\r\nConnection: close\r\n\r\n";
}

}  // namespace inout
