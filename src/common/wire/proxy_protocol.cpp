#include "common/wire/proxy_protocol.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace inout {
namespace {

constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::string_view kLineEnd = "\r\n";
/// "PROXY UNKNOWN\r\n".
constexpr std::size_t kLineMinBytes = 15;
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
/// Of version 2: the signature, version and command, family and transport, the length of the rest.
constexpr std::size_t kFixedBytes = 16;
constexpr unsigned char kLocal = 0x20, kProxied = 0x21;
constexpr unsigned char kUnspecified = 0x00, kTcp4 = 0x11, kTcp6 = 0x21, kUnixStream = 0x31;
constexpr std::size_t kTcp4Bytes = 12, kTcp6Bytes = 36, kUnixBytes = 216;
constexpr std::size_t kV4At = 12;  // in an IpAddress
constexpr unsigned char kChecksum = 0x03;
constexpr std::size_t kChecksumBytes = 4;

unsigned byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}
std::uint16_t number_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8U | byte_at(bytes, at + 1));
}
void add_number(std::string& bytes, std::size_t number) {
    bytes += static_cast<char>(number >> 8U & 0xffU);
    bytes += static_cast<char>(number & 0xffU);
}

bool is_v4(const ProxyRoute& route) {
    return route.source.address.is_v4() && route.destination.address.is_v4();
}

/// CRC-32C (RFC 3720, B.4; the polynomial reflected), one bit after another: it is rare and short.
std::uint32_t crc32c(std::string_view bytes) {
    std::uint32_t crc = ~std::uint32_t{0};
    for (const char byte : bytes) {
        crc ^= static_cast<unsigned char>(byte);
        for (int bit = 0; bit < 8; ++bit) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
    }
    return ~crc;
}

Failure<std::string> wrong(std::string_view what) { return Failure{std::string(what)}; }

/// The next word of a line, which one blank ends.
std::string_view take_word(std::string_view& line) {
    const auto blank = std::min(line.find(' '), line.size());
    const std::string_view word = line.substr(0, blank);
    line.remove_prefix(std::min(blank + 1, line.size()));
    return word;
}

std::optional<IpAddress> parse_address(std::string_view word, bool v6) {
    if ((word.find(':') != word.npos) != v6) return std::nullopt;
    return IpAddress::parse(std::string(word));
}

/// A line without its beginning and its end.
Result<std::optional<ProxyRoute>, std::string> parse_line(std::string_view line) {
    const std::string_view protocol = take_word(line);
    if (protocol == "UNKNOWN") return std::optional<ProxyRoute>();
    const bool v6 = protocol == "TCP6";
    if (!v6 && protocol != "TCP4") return wrong("its protocol is not TCP4, TCP6 or UNKNOWN");
    if (std::count(line.begin(), line.end(), ' ') != 3)
        return wrong("it has not four addresses and ports");
    const auto source = parse_address(take_word(line), v6);
    const auto destination = parse_address(take_word(line), v6);
    const auto source_port = parse_port(take_word(line)), port = parse_port(line);
    if (!source || !destination) return wrong("an address is none of its protocol");
    if (!source_port || !port) return wrong("a port is none");
    return std::optional(ProxyRoute{{*source, *source_port}, {*destination, *port}});
}

Result<ProxyHeader, std::string> parse_v1(std::string_view first) {
    const std::string_view line = first.substr(0, kProxyLineMaxBytes);
    const auto end = line.find(kLineEnd);
    if (end == line.npos) {
        if (line.size() == kProxyLineMaxBytes) return wrong("its line is too long");
        return ProxyHeader{.size = std::max(kLineMinBytes, line.size() + 1)};
    }
    if (end < kLineBegin.size()) return wrong("its line is too short");
    auto route = parse_line(line.substr(kLineBegin.size(), end - kLineBegin.size()));
    if (!route) return Failure{std::move(route.error())};
    return ProxyHeader{true, end + kLineEnd.size(), *route};
}

/// What stands behind the addresses of a whole header, from `at` on.
std::optional<std::string_view> problem_behind(std::string_view header, std::size_t at) {
    bool has_checksum = false;
    while (at < header.size()) {
        if (header.size() - at < 3) return "its last part is cut off";
        const unsigned type = byte_at(header, at);
        const std::size_t size = number_at(header, at + 1);
        at += 3;
        if (header.size() - at < size) return "a part is longer than the header";
        if (type == kChecksum) {
            if (size != kChecksumBytes || has_checksum) return "it has no proper checksum";
            has_checksum = true;
            const std::uint32_t said =
                std::uint32_t{number_at(header, at)} << 16U | number_at(header, at + 2);
            std::string zeroed(header);
            std::fill_n(zeroed.begin() + static_cast<std::ptrdiff_t>(at), kChecksumBytes, '\0');
            if (crc32c(zeroed) != said) return "its checksum is wrong";
        }
        at += size;
    }
    return std::nullopt;
}

SocketAddress address_at(std::string_view header, bool v6, bool destination) {
    SocketAddress address;
    const std::size_t size = v6 ? 16 : 4;
    const std::string_view bytes = header.substr(kFixedBytes + (destination ? size : 0), size);
    if (!v6) address.address.bytes[kV4At - 2] = address.address.bytes[kV4At - 1] = 0xff;
    std::transform(bytes.begin(), bytes.end(), address.address.bytes.begin() + (v6 ? 0 : kV4At),
                   [](char byte) { return static_cast<unsigned char>(byte); });
    address.port = number_at(header, kFixedBytes + 2 * size + (destination ? 2 : 0));
    return address;
}

Result<ProxyHeader, std::string> parse_v2(std::string_view first) {
    if (first.size() < kFixedBytes) return ProxyHeader{.size = kFixedBytes};
    const unsigned command = byte_at(first, 12), family = byte_at(first, 13);
    const std::size_t size = kFixedBytes + number_at(first, 14);
    if (command != kLocal && command != kProxied) return wrong("its version or command is unknown");
    if (size > kProxyHeaderMaxBytes) return wrong("it is too long");
    std::size_t addresses = 0;
    switch (family) {
        case kUnspecified: break;
        case kTcp4: addresses = kTcp4Bytes; break;
        case kTcp6: addresses = kTcp6Bytes; break;
        case kUnixStream: addresses = kUnixBytes; break;
        default:
            // Whoever speaks for itself may say anything here.
            if (command == kProxied) return wrong("its addresses are of no kind of stream");
    }
    const bool proxied = command == kProxied && family != kUnspecified;
    if (proxied && size < kFixedBytes + addresses) return wrong("it is shorter than its addresses");
    if (first.size() < size) return ProxyHeader{.size = size};
    ProxyHeader header{.is_whole = true, .size = size};
    if (!proxied) return header;
    if (const auto problem = problem_behind(first.substr(0, size), kFixedBytes + addresses)) {
        return wrong(*problem);
    }
    const bool v6 = family == kTcp6;
    if (v6 || family == kTcp4) {
        header.route = {address_at(first, v6, false), address_at(first, v6, true)};
    }
    return header;
}

}  // namespace

std::string proxy_header_v1(const std::optional<ProxyRoute>& route) {
    std::string line(kLineBegin);
    if (!route) return line.append("UNKNOWN").append(kLineEnd);
    const bool v4 = is_v4(*route);
    // In a line of IPv6 an IPv4 address is an IPv4-mapped one.
    const auto word = [v4](const IpAddress& address) {
        return " " + std::string(!v4 && address.is_v4() ? "::ffff:" : "") + address.text();
    };
    line += v4 ? "TCP4" : "TCP6";
    line += word(route->source.address) + word(route->destination.address);
    line +=
        " " + std::to_string(route->source.port) + " " + std::to_string(route->destination.port);
    return line.append(kLineEnd);
}

std::string proxy_header_v2(const std::optional<ProxyRoute>& route) {
    std::string header(kSignature);
    header += static_cast<char>(route ? kProxied : kLocal);
    if (!route) {
        header += static_cast<char>(kUnspecified);
        add_number(header, 0);
        return header;
    }
    const bool v4 = is_v4(*route);
    header += static_cast<char>(v4 ? kTcp4 : kTcp6);
    add_number(header, v4 ? kTcp4Bytes : kTcp6Bytes);
    for (const SocketAddress* end : {&route->source, &route->destination}) {
        const auto& bytes = end->address.bytes;
        header.append(bytes.begin() + (v4 ? kV4At : 0), bytes.end());
    }
    add_number(header, route->source.port);
    add_number(header, route->destination.port);
    return header;
}

Result<ProxyHeader, std::string> parse_proxy_header(std::string_view first) {
    if (first.empty()) return ProxyHeader{.size = 1};
    const bool is_line = first.front() == kLineBegin.front();
    const std::string_view begin = is_line ? kLineBegin : kSignature;
    const std::size_t common = std::min(first.size(), begin.size());
    if (first.substr(0, common) != begin.substr(0, common)) return wrong("something else");
    return is_line ? parse_v1(first) : parse_v2(first);
}

}  // namespace inout
