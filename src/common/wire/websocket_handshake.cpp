#include "common/wire/websocket_handshake.hpp"

#include <array>

#include "common/base/crypto.hpp"
#include "common/base/random.hpp"
#include "common/base/utf8.hpp"
#include "common/wire/http_fields.hpp"

namespace inout {
namespace {

constexpr std::string_view kGet = "GET ", kHttp11 = " HTTP/1.1", kProtocol = "inout";
constexpr std::string_view kVersion13 = "13";
constexpr std::string_view kAcceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kSaidMaxBytes = 100;

std::string accept_of(std::string_view key) {
    const auto digest = sha1(std::string(key) + std::string(kAcceptSalt));
    return digest ? to_base64(*digest) : std::string();
}

std::string_view title_of(unsigned status) {
    switch (status) {
        case 403: return "403 Forbidden";
        case 404: return "404 Not Found";
        case 426: return "426 Upgrade Required";
        case 431: return "431 Request Header Fields Too Large";
        default: return "400 Bad Request";
    }
}

WebSocketAnswer http_refusal(unsigned status, std::string_view why, std::string_view said) {
    const std::string body = std::string(said) + "\n";
    std::string bytes = "HTTP/1.1 " + std::string(title_of(status)) + "\r\n";
    if (status == 426) {
        bytes +=
            "Upgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n";
    } else {
        bytes += "Connection: close\r\n";
    }
    bytes += "Content-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
             "\r\n\r\n" + body;
    return {status, std::move(bytes), why};
}

struct HandshakeHead {
    std::string_view start;  ///< the first line
    HttpFields fields;
};

/// Of a whole head; nothing: it is none.
std::optional<HandshakeHead> parse_head(std::string_view text) {
    const auto start = take_http_line(text);
    if (!start || !is_http_line(*start)) return std::nullopt;
    auto fields = take_http_fields(text);
    if (!fields) return std::nullopt;
    return HandshakeHead{*start, std::move(*fields)};
}

/// As balancers write it: an address, perhaps with a port behind it.
std::optional<IpAddress> last_forwarded(const HttpFields& fields) {
    std::string_view all = fields.last("X-Forwarded-For");
    if (const auto comma = all.rfind(','); comma != all.npos) all.remove_prefix(comma + 1);
    while (all.starts_with(' ') || all.starts_with('\t')) all.remove_prefix(1);
    const std::string last(all);
    if (auto address = IpAddress::parse(last)) return address;
    if (last.starts_with('[') && last.ends_with(']')) {
        return IpAddress::parse(last.substr(1, last.size() - 2));
    }
    const auto place = parse_host_port(last);
    return place ? IpAddress::parse(place->host) : std::nullopt;
}

/// The path of `GET PATH[?QUERY] HTTP/1.1`; empty: it is none.
std::string_view asked_path(std::string_view start) {
    if (!start.starts_with(kGet) || !start.ends_with(kHttp11)) return {};
    if (start.size() <= kGet.size() + kHttp11.size()) return {};
    start.remove_prefix(kGet.size());
    start.remove_suffix(kHttp11.size());
    if (!start.starts_with('/') || start.find(' ') != start.npos) return {};
    return start.substr(0, start.find('?'));
}

}  // namespace

bool is_http_get(std::string_view first) { return first.starts_with(kGet); }

std::string new_websocket_key() {
    std::array<char, kKeyBytes> bytes;
    fill_random(bytes);
    return to_base64({bytes.data(), bytes.size()});
}

std::string websocket_request(const WebSocketUrl& url, std::string_view key) {
    std::string text = std::string(kGet) + url.path + std::string(kHttp11) + "\r\n";
    text += "Host: " + url.host_field() + "\r\n";
    text += "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    text += "Sec-WebSocket-Key: " + std::string(key) + "\r\n";
    text += "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: inout\r\n";
    return text + "User-Agent: inout\r\n\r\n";
}

std::optional<std::string> websocket_refusal(std::string_view head, std::string_view key) {
    const auto parsed = parse_head(head);
    if (!parsed || !parsed->start.starts_with("HTTP/1.1 ")) return "is no web server of today";
    const std::string_view said = parsed->start.substr(9, kSaidMaxBytes);
    if (!said.starts_with("101")) {
        const bool is_busy =
            said.starts_with("502") || said.starts_with("503") || said.starts_with("504");
        return "answers " + visible(said) +
               (is_busy ? " (it does not reach the proxy)"
                        : " (it must pass Upgrade on to the proxy, at the path of its "
                          "\"websocket\")");
    }
    if (!parsed->fields.lists("Upgrade", "websocket") ||
        !parsed->fields.lists("Connection", "upgrade")) {
        return "upgrades to something else than WebSocket";
    }
    if (parsed->fields.last("Sec-WebSocket-Accept") != accept_of(key)) {
        return "answers for another request (a cache in between?)";
    }
    if (parsed->fields.last("Sec-WebSocket-Protocol") != kProtocol) {
        return "is a WebSocket, and no proxy of ours: it does not know the protocol \"inout\"";
    }
    if (parsed->fields.count("Sec-WebSocket-Extensions") > 0) {
        return "uses an extension that nobody has asked for";
    }
    return std::nullopt;
}

WebSocketAnswer answer_websocket(std::string_view head, std::string_view path) {
    const auto parsed = parse_head(head);
    if (!parsed) return http_refusal(400, "a request that is no HTTP", "no HTTP/1.1");
    const std::string_view asked = asked_path(parsed->start);
    if (asked.empty() || parsed->fields.count("Host") != 1) {
        return http_refusal(400, "a request that is no HTTP/1.1", "no HTTP/1.1");
    }
    if (parsed->fields.count("Transfer-Encoding") > 0 ||
        (parsed->fields.count("Content-Length") > 0 &&
         parsed->fields.last("Content-Length") != "0")) {
        return http_refusal(400, "a GET with a body", "a GET has no body here");
    }
    if (parsed->fields.count("Origin") > 0) {
        return http_refusal(403, "a request with an Origin, which browsers send",
                            "no pages of browsers");
    }
    if (!parsed->fields.lists("Upgrade", "websocket")) {
        return http_refusal(426, {}, "this is the relay of inout: it speaks WebSocket here");
    }
    if (parsed->fields.last("Sec-WebSocket-Version") != kVersion13) {
        return http_refusal(426, "another version of WebSocket", "WebSocket 13");
    }
    if (asked != path)
        return http_refusal(404, "another path than that of \"websocket\"", "not here");
    const std::string_view key = parsed->fields.last("Sec-WebSocket-Key");
    const auto key_bytes = from_base64(key);
    if (!parsed->fields.lists("Connection", "upgrade") ||
        parsed->fields.count("Sec-WebSocket-Key") != 1 || !key_bytes ||
        key_bytes->size() != kKeyBytes) {
        return http_refusal(400, "a request for a WebSocket that is none",
                            "no WebSocket handshake");
    }
    WebSocketAnswer answer{
        101, "HTTP/1.1 101 Switching Protocols\r\n", {}, last_forwarded(parsed->fields)};
    answer.bytes += "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    answer.bytes += "Sec-WebSocket-Accept: " + accept_of(key) + "\r\n";
    if (parsed->fields.lists("Sec-WebSocket-Protocol", kProtocol)) {
        answer.bytes += "Sec-WebSocket-Protocol: inout\r\n";
    }
    answer.bytes += "\r\n";
    return answer;
}

std::string websocket_too_long() { return http_refusal(431, {}, "a head that is too long").bytes; }

}  // namespace inout
