#include "common/base/host_port.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "common/base/limits.hpp"
#include "common/base/mistaken_host.hpp"

namespace inout {
namespace {

constexpr std::size_t kNameMaxBytes = 253;  // RFC 1035, 2.3.4, as text without the last dot
constexpr std::size_t kZoneMaxBytes = 15;   // IFNAMSIZ - 1

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

/// A name for an example in a message, or a general one.
std::string shortened_host(std::string_view text) {
    const bool usable = text.size() <= kLabelMaxBytes && !text.empty() && !check_name(text);
    return usable ? std::string(text) : "relay.example.com";
}

/// A port that stands where the host alone belongs.
std::optional<std::string> check_for_port(std::string_view text) {
    const auto colon = text.rfind(':');
    const auto port = text.substr(colon == text.npos ? 0 : colon + 1);
    if (port.empty() || port.size() > 5 || !all(port, is_digit)) return std::nullopt;
    std::string_view host = text.substr(0, colon == text.npos ? 0 : colon);
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (!bracketed && host.find(':') != host.npos) return std::nullopt;  // an IPv6 address
    const bool any = host == "*";
    if (!host.empty() && !any && (bracketed ? check_ipv6(host) : check_name(host)))
        return std::nullopt;
    return std::string(host.empty() ? "is a port without a host" : "is a host and a port") +
           ": write " + (host.empty() ? "127.0.0.1 or another" : std::string(host)) +
           " as the host and " + std::string(port) + " as the port";
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

Result<HostPort, std::string> parse_host_port(std::string_view text, AddressOf use) {
    if (auto problem = check_mistaken(text, Expected::host_and_port))
        return Failure{*std::move(problem)};
    const bool listener = use == AddressOf::listener;
    const bool digits = !text.empty() && all(text, is_digit);
    std::string_view host = use == AddressOf::server ? "" : "127.0.0.1";
    std::string_view port = text;
    const auto colon = text.rfind(':');
    if (colon != text.npos) {
        const std::string_view given = text.substr(0, colon);
        port = text.substr(colon + 1);
        const bool bracketed = given.starts_with('[') && given.ends_with(']');
        const std::string_view bare = bracketed ? given.substr(1, given.size() - 2) : given;
        if (bracketed != (bare.find(':') != bare.npos)) {
            return Failure{
                std::string("needs brackets around an IPv6 address, as in [::1]:40001, "
                            "and around nothing else")};
        }
        if (listener && (given.empty() || given == "*")) {
            host = kAllAddresses;
        } else if (!given.empty()) {
            host = bare;
        } else if (use == AddressOf::server) {
            return Failure{"has no host: write HOST" + std::string(text) + ", or 127.0.0.1" +
                           std::string(text) + " for this machine"};
        }
    } else if (use == AddressOf::server || (!digits && !listener)) {
        const std::string example =
            digits ? "127.0.0.1:" + std::string(text) : shortened_host(text) + ":40001";
        return Failure{"must be HOST:PORT, as in " + example};
    }
    if (auto problem = check_host(host)) return Failure{"has a host that " + *problem};
    const auto number = parse_port(port, listener ? 0 : 1);
    if (!number) return Failure{number.error()};
    return HostPort{std::string(host), number.value()};
}

std::string to_string(const HostPort& address) {
    if (is_service_name(address) || is_websocket_url(address)) return address.host;
    const bool ipv6 = address.host.find(':') != std::string::npos;
    return (ipv6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

std::optional<std::string> check_host(std::string_view host) {
    if (host.empty()) return "must not be empty";
    if (auto problem = check_mistaken(host, Expected::host)) return problem;
    if (auto problem = check_for_port(host)) return problem;
    return host.find(':') != host.npos ? check_ipv6(host) : check_name(host);
}

std::optional<std::string> check_service_name(std::string_view name) {
    const std::string shape = "must be _SERVICE._PROTOCOL.DOMAIN, as in _inout._tcp.example.com";
    if (const auto problem = check_host(name)) return *problem + "; it " + shape;
    const auto first = name.find('.');
    const auto second = first == name.npos ? first : name.find('.', first + 1);
    const bool good = second != name.npos && name.starts_with('_') && first > 1 &&
                      name[first + 1] == '_' && second > first + 2 && second + 1 < name.size() &&
                      name[second + 1] != '_';
    if (good) return std::nullopt;
    return shape;
}

std::string domain_of_service(std::string_view name) {
    return std::string(name.substr(name.find('.', name.find('.') + 1) + 1));
}

bool is_address_literal(std::string_view host) {
    return parse_literal<in_addr>(AF_INET, host) || parse_literal<in6_addr>(AF_INET6, host);
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
