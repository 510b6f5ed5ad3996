// SocketAddress: an IP address with a port, as the address of a connection's end is told and shown.
//
// A value; any thread. Nothing is looked up here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/address_range.hpp"

namespace inout {

struct SocketAddress {
    IpAddress address;
    std::uint16_t port = 0;

    /// `1.2.3.4:5` or `[::1]:5`, as to_string(Endpoint) writes it. A zone, which means nothing on
    /// another machine, is left out. Nothing: it is no such text.
    static std::optional<SocketAddress> parse(std::string_view text);
    /// The same text, always in its shortest form; an IPv4-mapped address is IPv4.
    std::string text() const;

    auto operator<=>(const SocketAddress&) const = default;
};

/// A port without a sign or zeros in front.
std::optional<std::uint16_t> parse_port(std::string_view text);

}  // namespace inout
