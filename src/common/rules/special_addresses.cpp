#include "common/rules/special_addresses.hpp"

#include <algorithm>
#include <initializer_list>

namespace inout {
namespace {

std::vector<AddressRange> ranges_of(std::initializer_list<const char*> texts) {
    std::vector<AddressRange> made;
    for (const char* text : texts) made.push_back(AddressRange::parse(text).value());
    return made;
}

}  // namespace

const std::vector<AddressRange>& special_ranges() {
    static const std::vector<AddressRange> ranges =
        ranges_of({"0.0.0.0/8",        // this host (RFC 6890)
                   "127.0.0.0/8",      // loopback
                   "168.63.129.16",    // what a machine in Azure asks
                   "169.254.0.0/16",   // link-local (RFC 3927)
                   "169.254.169.254",  // metadata of most clouds
                   "224.0.0.0/4",      // multicast
                   "240.0.0.0/4",      // reserved, and broadcast
                   "::/96",            // unspecified, loopback, and IPv4 inside (RFC 4291, 2.5.5.1)
                   "::ffff:0:0:0/96",  // the same for a translator (RFC 7915; RFC 2765, 2.1)
                   "64:ff9b::/96",     // NAT64 (RFC 6052)
                   "64:ff9b:1::/48",   // the same (RFC 8215)
                   "2001::/32",        // Teredo, IPv4 inside (RFC 4380)
                   "2002::/16",        // 6to4, IPv4 inside (RFC 3056)
                   "fd00:ec2::254",    // metadata of a cloud
                   "fd20:ce::254",     // and of another one
                   "fe80::/10",        // link-local
                   "ff00::/8"});       // multicast
    return ranges;
}

const std::vector<AddressRange>& private_ranges() {
    static const std::vector<AddressRange> ranges =
        ranges_of({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  // RFC 1918
                   "100.64.0.0/10",    // behind a provider's NAT (RFC 6598)
                   "100.100.100.200",  // there: metadata of a cloud
                   "192.0.0.0/24",     // protocols (RFC 6890), and metadata of a cloud
                   "198.18.0.0/15",    // benchmarks (RFC 2544)
                   "fc00::/7",         // RFC 4193
                   "fec0::/10"});      // the same once (RFC 3879)
    return ranges;
}

bool is_meant_for(const AddressRange& range, const std::vector<AddressRange>& special,
                  const IpAddress& address) {
    return std::all_of(special.begin(), special.end(), [&](const AddressRange& each) {
        return !each.contains(address) || range.is_within(each);
    });
}

}  // namespace inout
