#include "common/rules/destination_rules.hpp"

#include <algorithm>

#include "common/rules/special_addresses.hpp"

namespace inout {
namespace {

constexpr const char* kDestination =
    "must be a name, *.NAME, an address, a range of addresses or *, and perhaps :PORT or "
    ":FIRST-LAST "
    "behind it, as in *.example.com:443 or [2001:db8::/32]:80-443";

/// The host, and what stands behind its colon.
struct Split {
    std::string_view host;
    std::optional<std::string_view> ports;
};

std::optional<Split> split(std::string_view text) {
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == text.npos) return std::nullopt;
        const std::string_view host = text.substr(1, close - 1), rest = text.substr(close + 1);
        if (host.find(':') == host.npos || (!rest.empty() && rest.front() != ':')) {
            return std::nullopt;
        }
        return Split{host, rest.empty() ? std::nullopt : std::optional(rest.substr(1))};
    }
    const auto colon = text.find(':');
    // More than one: an IPv6 address.
    if (colon == text.npos || text.find(':', colon + 1) != text.npos) return Split{text, {}};
    return Split{text.substr(0, colon), text.substr(colon + 1)};
}

bool any_denies(const std::vector<DestinationRule>& deny, const HostPort& target,
                const std::optional<IpAddress>& address) {
    return std::any_of(deny.begin(), deny.end(), [&](const DestinationRule& rule) {
        const bool meant =
            rule.range() ? address && rule.range()->contains(*address) : rule.names(target.host);
        return meant && rule.has_port(target.port);
    });
}

}  // namespace

Result<DestinationRule, std::string> DestinationRule::parse(std::string_view text) {
    DestinationRule rule;
    rule.text_ = text;
    const auto parts = split(text);
    if (!parts || parts->host.empty()) return Failure{std::string(kDestination)};
    if (parts->ports) {
        const auto ports = PortRange::parse(*parts->ports);
        if (!ports) return Failure{std::string(kDestination)};
        rule.ports_ = ports.value();
    }
    std::string_view host = parts->host;
    if (host == "*") return rule;
    const bool address = host.find_first_not_of("0123456789./") == host.npos ||
                         host.find(':') != host.npos || host.find('/') != host.npos;
    if (address) {
        const auto range = AddressRange::parse(host);
        if (!range) return Failure{range.error()};
        rule.range_ = range.value();
        return rule;
    }
    if (host.starts_with("*.")) {
        rule.below_ = true;
        host.remove_prefix(2);
    }
    if (const auto problem = check_host(host)) return Failure{std::string(kDestination)};
    rule.name_ = canonical_host(host);
    return rule;
}

bool DestinationRule::names(std::string_view host) const {
    if (range_) return false;
    if (name_.empty()) return true;
    if (!below_) return host == name_;
    return host.size() > name_.size() + 1 && host.ends_with(name_) &&
           host[host.size() - name_.size() - 1] == '.';
}

bool DestinationRules::may_ask(const HostPort& target) const {
    if (any_denies(deny, target, std::nullopt)) return false;
    return allow.empty() ||
           std::any_of(allow.begin(), allow.end(), [&](const DestinationRule& rule) {
               return rule.has_port(target.port) && (rule.range() || rule.names(target.host));
           });
}

bool DestinationRules::may_dial(const HostPort& target, const IpAddress& address,
                                bool is_own) const {
    if (any_denies(deny, target, address)) return false;
    const bool is_public =
        !any_contains(special_ranges(), address) && !any_contains(private_ranges(), address);
    const bool is_somebody_elses = is_public && !is_own;
    if (is_somebody_elses && allow.empty()) return true;
    return std::any_of(allow.begin(), allow.end(), [&](const DestinationRule& rule) {
        if (!rule.has_port(target.port)) return false;
        if (!rule.range()) return is_somebody_elses && rule.names(target.host);
        return rule.range()->contains(address) &&
               (!is_public || is_somebody_elses || rule.range()->is_one()) &&
               is_meant_for(*rule.range(), special_ranges(), address) &&
               is_meant_for(*rule.range(), private_ranges(), address);
    });
}

}  // namespace inout
