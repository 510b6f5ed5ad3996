#include "common/protocol/host_port.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace inout {
namespace {

constexpr std::size_t kNameMaxBytes = 253;  // RFC 1035, 2.3.4, as text without the last dot
constexpr std::size_t kLabelMaxBytes = 63;
constexpr std::size_t kZoneMaxBytes = 15;  // IFNAMSIZ - 1

// Not the ones of <cctype>: those depend on the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex_digit(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool is_name_byte(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }

template <class Predicate>
bool all(std::string_view text, Predicate predicate) {
    return std::all_of(text.begin(), text.end(), predicate);
}

/// inet_pton behind a check of the letters, because it stops at a NUL byte.
template <class Address>
std::optional<Address> parse_literal(int family, std::string_view text) {
    const auto allowed = [](char c) { return is_hex_digit(c) || c == ':' || c == '.'; };
    Address address;
    if (!all(text, allowed)) return std::nullopt;
    if (inet_pton(family, std::string(text).c_str(), &address) != 1) return std::nullopt;
    return address;
}

std::string literal(int family, const void* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(family, address, text.data(), text.size());
    return text.data();
}

/// `fe80::1%eth0` is an address and a zone (RFC 4007, 11).
std::optional<std::string> check_ipv6(std::string_view host) {
    const auto percent = host.find('%');
    if (percent != host.npos) {
        const auto zone = host.substr(percent + 1);
        const auto allowed = [](char c) { return is_name_byte(c) || c == '.'; };
        if (zone.empty() || zone.size() > kZoneMaxBytes || !all(zone, allowed)) {
            return "has an invalid zone after '%'";
        }
    }
    if (!parse_literal<in6_addr>(AF_INET6, host.substr(0, percent))) {
        return "is not a valid IPv6 address";
    }
    return std::nullopt;
}

/// The resolver takes decimal, octal and hexadecimal numbers for parts of an address.
bool is_number(std::string_view label) {
    if (label.starts_with("0x") || label.starts_with("0X"))
        return all(label.substr(2), is_hex_digit);
    return all(label, is_digit);
}

std::optional<std::string> check_name(std::string_view host) {
    const std::string_view name = host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
    if (name.size() > kNameMaxBytes) {
        return "must be at most " + std::to_string(kNameMaxBytes) + " bytes long";
    }
    for (std::size_t begin = 0;;) {
        const auto dot = name.find('.', begin);
        const auto label = name.substr(begin, dot - begin);
        if (!all(label, is_name_byte)) {
            return "may hold letters, digits, '-', '_' and '.' only, or be an address";
        }
        if (label.empty() || label.size() > kLabelMaxBytes) {
            return "must have 1 to " + std::to_string(kLabelMaxBytes) + " bytes between two dots";
        }
        if (dot == name.npos) {
            if (is_number(label) && !parse_literal<in_addr>(AF_INET, host)) {
                return "is not a valid IPv4 address";
            }
            return std::nullopt;
        }
        begin = dot + 1;
    }
}

Result<std::uint16_t, std::string> parse_port(std::string_view text, std::uint16_t min) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size() || port < min) {
        return Failure{"needs a port from " + std::to_string(min) + " to 65535"};
    }
    return port;
}

}  // namespace

Result<HostPort, std::string> parse_host_port(std::string_view text,
                                              std::string_view default_host) {
    const bool listener = !default_host.empty();
    std::string_view host = default_host;
    std::string_view port = text;
    const auto colon = text.rfind(':');
    if (colon != text.npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        const bool bracketed = host.starts_with('[') && host.ends_with(']');
        if (bracketed) host = host.substr(1, host.size() - 2);
        if (bracketed != (host.find(':') != host.npos)) {
            return Failure{
                std::string("needs brackets around an IPv6 address, as in [::1]:40001, "
                            "and around nothing else")};
        }
    } else if (!listener) {
        return Failure{std::string("must be HOST:PORT")};
    }
    if (auto problem = check_host(host)) return Failure{"has a host that " + *problem};
    const auto number = parse_port(port, listener ? 0 : 1);
    if (!number) return Failure{number.error()};
    return HostPort{std::string(host), number.value()};
}

std::string to_string(const HostPort& address) {
    const bool ipv6 = address.host.find(':') != std::string::npos;
    return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::optional<std::string> check_host(std::string_view host) {
    if (host.empty()) return "must not be empty";
    return host.find(':') != host.npos ? check_ipv6(host) : check_name(host);
}

std::string canonical_host(std::string_view host) {
    const auto percent = host.find('%');
    if (const auto ipv6 = parse_literal<in6_addr>(AF_INET6, host.substr(0, percent))) {
        if (IN6_IS_ADDR_V4MAPPED(&*ipv6)) return literal(AF_INET, &ipv6->s6_addr[12]);
        std::string text = literal(AF_INET6, &*ipv6);
        return percent == host.npos ? text : text.append(host.substr(percent));
    }
    std::string name(host.ends_with('.') ? host.substr(0, host.size() - 1) : host);
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return name;
}

}  // namespace inout
