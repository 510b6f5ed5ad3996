// The keys of who may connect, and of who speaks for others there, as fields.hpp has the others.
// fields.hpp alone includes this. Pure; keeps nothing.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "common/config/reader.hpp"
#include "common/config/types.hpp"

namespace inout {

/// A check walks the whole list, for every connection.
inline constexpr Range kAddressRanges{0, 10'000};

template <class Fields>
void visit_access(Fields& fields, AccessLists& access) {
    fields.values("allow", access.allow, kAddressRanges);
    fields.values("deny", access.deny, kAddressRanges);
}

/// Whoever else sends a header of the PROXY protocol is not believed.
template <class Fields>
void check_proxy_protocol(Fields& fields, std::string_view key, bool is_on,
                          const std::vector<AddressRange>& trusted) {
    if (!is_on || !trusted.empty() || !fields.good({"trusted", key})) return;
    fields.complain(key,
                    "\"proxy_protocol\" needs an address in \"trusted\": that of who stands in "
                    "front");
}
template <class Fields>
void check_proxy_protocol(Fields& fields, const InConfig& config) {
    const bool is_on = std::any_of(config.networks.begin(), config.networks.end(),
                                   [](const InNetwork& network) { return network.proxy_protocol; });
    check_proxy_protocol(fields, "networks", is_on, config.trusted);
}

}  // namespace inout
