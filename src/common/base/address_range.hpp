// AddressRange: a block of IP addresses in CIDR notation (RFC 4632; RFC 4291, 2.3), for the lists
// of who may connect.
//
// An IPv4 address that came in as IPv6 (::ffff:a.b.c.d) is taken as IPv4, and only an IPv4 range
// contains it: ::/0 is all of IPv6 and nothing of IPv4. Whoever read the configuration owns a
// range; any thread may ask it. Never resolves a name.
#pragma once

#include <array>
#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace inout {

/// An IP address: 16 bytes in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2).
struct IpAddress {
    std::array<unsigned char, 16> bytes{};

    /// An IPv4 or IPv6 literal, without a zone. Nothing: it is none.
    static std::optional<IpAddress> parse(const std::string& text);
    bool is_v4() const;
    /// What counts as one source of connections: the address, or an IPv6 address's /64, which is
    /// the least that one site is given (RFC 6177).
    IpAddress source() const;
    /// In its shortest form.
    std::string text() const;

    auto operator<=>(const IpAddress&) const = default;
};

class AddressRange {
  public:
    /// "10.0.0.0/8", "2001:db8::/32", or one address without a length. Bits behind the length must
    /// be zero: they are a mistake in one of the two. No zones. The failure is worded to follow its
    /// key ("needs a prefix length from 0 to 32").
    static Result<AddressRange, std::string> parse(std::string_view text);

    bool contains(const IpAddress& address) const;
    /// Whether it has a single address.
    bool is_one() const { return prefix_bits_ == 128; }
    /// Whether `other` contains all that this does.
    bool is_within(const AddressRange& other) const;
    /// In its shortest form; one address without its length.
    std::string text() const;

    bool operator==(const AddressRange&) const = default;

  private:
    AddressRange() = default;
    IpAddress first_;
    unsigned prefix_bits_ = 128;  ///< of the 16 bytes: 96 more than written for IPv4
};

bool any_contains(const std::vector<AddressRange>& ranges, const IpAddress& address);

/// Whether `address` may connect: not denied, and allowed where there is a list of who is.
bool may_connect(const std::vector<AddressRange>& allow, const std::vector<AddressRange>& deny,
                 const IpAddress& address);

}  // namespace inout
