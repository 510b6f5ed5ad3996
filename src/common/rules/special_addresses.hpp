// Addresses that are no public service's: what a name that others choose must not lead to unless
// somebody has listed it. IANA's registries of special-purpose addresses (RFC 6890), and where
// clouds keep what only a machine itself may read. Pure; any thread.
#pragma once

#include <vector>

#include "common/base/address_range.hpp"

namespace inout {

/// This machine, its links, groups, IPv4 addresses inside IPv6 ones, the metadata of clouds.
const std::vector<AddressRange>& special_ranges();
/// Networks of one site, and of a provider behind its NAT.
const std::vector<AddressRange>& private_ranges();

/// Whether `range`, if it contains the address, was meant for it: in each of `special` that
/// contains it too it has nothing else.
bool is_meant_for(const AddressRange& range, const std::vector<AddressRange>& special,
                  const IpAddress& address);

}  // namespace inout
