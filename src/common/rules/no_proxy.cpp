#include "common/rules/no_proxy.hpp"

#include <algorithm>
#include <charconv>

#include "common/base/address_range.hpp"
#include "common/base/host_port.hpp"

namespace inout {
namespace {

/// As curl reads it: the bits behind the length do not matter.
bool is_in_block(std::string_view entry, const IpAddress& address) {
    const std::size_t slash = std::min(entry.find('/'), entry.size());
    std::string literal(entry.substr(0, slash));
    if (literal.starts_with('[') && literal.ends_with(']')) {
        literal = literal.substr(1, literal.size() - 2);
    }
    const auto first = IpAddress::parse(literal);
    if (!first || first->is_v4() != address.is_v4()) return false;
    const unsigned most = first->is_v4() ? 32 : 128;
    unsigned bits = most;
    if (slash < entry.size()) {
        const char* const end = entry.data() + entry.size();
        const auto [at, error] = std::from_chars(entry.data() + slash + 1, end, bits);
        if (error != std::errc() || at != end || bits > most) return false;
    }
    bits += 128 - most;
    for (std::size_t i = 0; i < bits; ++i) {
        const unsigned mask = 0x80U >> i % 8;
        if ((first->bytes[i / 8] & mask) != (address.bytes[i / 8] & mask)) return false;
    }
    return true;
}

bool is_at_or_below(std::string_view name, std::string_view domain) {
    if (!name.ends_with(domain)) return false;
    return name.size() == domain.size() || name[name.size() - domain.size() - 1] == '.';
}

bool fits(std::string_view entry, const std::string& host) {
    if (entry == "*") return true;
    if (const auto address = IpAddress::parse(host)) return is_in_block(entry, *address);
    if (entry.starts_with('.')) entry.remove_prefix(1);
    const std::string domain(entry);
    return !check_host(domain) && is_at_or_below(host, canonical_host(domain));
}

}  // namespace

bool is_exempt(std::string_view list, const std::string& host) {
    const std::string name = canonical_host(host);
    while (!list.empty()) {
        const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
        if (end > 0 && fits(list.substr(0, end), name)) return true;
        list.remove_prefix(std::min(end + 1, list.size()));
    }
    return false;
}

}  // namespace inout
