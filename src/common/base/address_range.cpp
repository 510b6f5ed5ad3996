#include "common/base/address_range.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace inout {
namespace {

constexpr std::array<unsigned char, 12> kV4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr unsigned kV4PrefixBits = 96;
constexpr unsigned kAddressBits = 128;

/// The address with zeros behind its first `bits`.
IpAddress masked(IpAddress address, unsigned bits) {
    for (unsigned i = 0; i < address.bytes.size(); ++i) {
        const unsigned kept = bits > 8 * i ? std::min(bits - 8 * i, 8U) : 0;
        address.bytes[i] &= static_cast<unsigned char>(0xff00U >> kept);
    }
    return address;
}

/// A decimal number without a sign or zeros in front.
std::optional<unsigned> parse_bits(std::string_view text, unsigned max) {
    unsigned bits = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, bits);
    if (error != std::errc{} || stop != end || bits > max) return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    return bits;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(const std::string& text) {
    IpAddress address;
    if (text.find('\0') != text.npos) return std::nullopt;  // inet_pton would stop there
    if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1) return address;
    std::copy(kV4Prefix.begin(), kV4Prefix.end(), address.bytes.begin());
    if (inet_pton(AF_INET, text.c_str(), &address.bytes[kV4Prefix.size()]) != 1) {
        return std::nullopt;
    }
    return address;
}

bool IpAddress::is_v4() const {
    return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
}

IpAddress IpAddress::source() const { return is_v4() ? *this : masked(*this, 64); }

std::string IpAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (!is_v4()) {
        inet_ntop(AF_INET6, bytes.data(), buffer.data(), buffer.size());
        return buffer.data();
    }
    // Each stream has some made, and inet_ntop prints each number with a format of its own.
    char* end = buffer.data();
    for (std::size_t i = kV4Prefix.size(); i < bytes.size(); ++i) {
        if (i > kV4Prefix.size()) *end++ = '.';
        end = std::to_chars(end, buffer.data() + buffer.size(), bytes[i]).ptr;
    }
    return {buffer.data(), end};
}

Result<AddressRange, std::string> AddressRange::parse(std::string_view text) {
    const auto slash = text.find('/');
    const std::string written(text.substr(0, slash));
    const auto address = IpAddress::parse(written);
    if (!address) {
        return Failure{
            std::string("must be an IP address or a range of them, as in 10.0.0.0/8 "
                        "or 2001:db8::/32")};
    }
    AddressRange range;
    range.first_ = *address;
    if (slash == text.npos) return range;

    const bool dotted = written.find(':') == written.npos;
    const unsigned bits_before = dotted ? kV4PrefixBits : 0;
    const auto bits = parse_bits(text.substr(slash + 1), kAddressBits - bits_before);
    if (!bits) {
        return Failure{"needs a prefix length from 0 to " +
                       std::to_string(kAddressBits - bits_before)};
    }
    range.prefix_bits_ = bits_before + *bits;
    range.first_ = masked(*address, range.prefix_bits_);
    if (range.first_ != *address) {
        return Failure{"has bits behind its prefix length; the range would be " + range.text()};
    }
    return range;
}

bool AddressRange::contains(const IpAddress& address) const {
    return address.is_v4() == first_.is_v4() && masked(address, prefix_bits_) == first_;
}

bool AddressRange::is_within(const AddressRange& other) const {
    return prefix_bits_ >= other.prefix_bits_ && other.contains(first_);
}

std::string AddressRange::text() const {
    std::string text = first_.text();
    if (prefix_bits_ < kAddressBits) {
        text += '/' + std::to_string(prefix_bits_ - (first_.is_v4() ? kV4PrefixBits : 0));
    }
    return text;
}

bool any_contains(const std::vector<AddressRange>& ranges, const IpAddress& address) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const AddressRange& range) { return range.contains(address); });
}

bool may_connect(const std::vector<AddressRange>& allow, const std::vector<AddressRange>& deny,
                 const IpAddress& address) {
    return !any_contains(deny, address) && (allow.empty() || any_contains(allow, address));
}

}  // namespace inout
