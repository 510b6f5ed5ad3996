#include "in/proxy_script.hpp"

#include <optional>

#include "common/base/host_port.hpp"
#include "common/wire/http_head.hpp"

namespace inout::in {
namespace {

/// The content type is the one that browsers know (there is no registered one).
std::string response(std::string_view status, const std::string& type, const std::string& body,
                     bool with_body) {
    std::string text = "HTTP/1.1 ";
    text += status;
    text += "\r\nContent-Type: " + type + "\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n";
    return with_body ? text + body : text;
}

/// As the client has reached us: nobody else knows what stands in between, such as a container's
/// ports. Only a host and a port can be in it, so nothing of it is script.
std::optional<std::string> asked_place(const ForwardRequest& request) {
    const auto head = parse_http_head(request.head);
    const auto host = head ? head->fields.first("host") : std::nullopt;
    if (!host) return std::nullopt;
    const auto place = parse_host_port(*host);
    if (!place || place->port == 0 || place->host.find('%') != std::string::npos) {
        return std::nullopt;
    }
    return to_string(*place);
}

}  // namespace

std::string proxy_script(const TopicNames& names, const std::string& place) {
    const std::string use = "return \"SOCKS5 " + place + "; SOCKS " + place + "\";\n";
    std::string script = "function FindProxyForURL(url, host) {\n  if (dnsDomainIs(host, \"" +
                         names.suffix + "\")) " + use;
    if (names.exit.empty()) return script + "  return \"DIRECT\";\n}\n";
    return script +
           "  if (isPlainHostName(host) || dnsDomainIs(host, \".localhost\") || "
           "host === \"127.0.0.1\" || host === \"::1\" || host === \"[::1]\") "
           "return \"DIRECT\";\n  " +
           use + "}\n";
}

std::string answer_to_browser(const ForwardRequest& request, const TopicNames& names,
                              const std::string& own_place) {
    const std::string path = request.path.substr(0, request.path.find('?'));
    const bool is_head = request.method == "HEAD";
    if (request.method != "GET" && !is_head) {
        return response("405 Method Not Allowed", "text/plain", "GET or HEAD\n", true);
    }
    const std::string place = asked_place(request).value_or(own_place);
    if ((path != "/proxy.pac" && path != "/wpad.dat") || place.empty()) {
        return response("404 Not Found", "text/plain",
                        "This is a proxy. Its configuration for browsers is at /proxy.pac\n",
                        !is_head);
    }
    return response("200 OK", "application/x-ns-proxy-autoconfig", proxy_script(names, place),
                    !is_head);
}

}  // namespace inout::in
