#include "common/base/socket_address.hpp"

#include <charconv>

namespace inout {

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc{} || stop != end) return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    return port;
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == text.npos) return std::nullopt;
    const auto port = parse_port(text.substr(colon + 1));
    std::string_view host = text.substr(0, colon);
    const bool is_v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (is_v6) {
        host = host.substr(1, host.size() - 2);
        host = host.substr(0, host.find('%'));
    }
    const bool looks_like_v6 = host.find(':') != host.npos;
    if (!port || is_v6 != looks_like_v6) return std::nullopt;
    const auto address = IpAddress::parse(std::string(host));
    if (!address) return std::nullopt;
    return SocketAddress{*address, *port};
}

std::string SocketAddress::text() const {
    const std::string host = address.text();
    return (address.is_v4() ? host : "[" + host + "]") + ":" + std::to_string(port);
}

}  // namespace inout
