// Tickets: the secrets by which the data connections of a registration find it, also where they
// come to another proxy of the cluster.
//
//     kTicketDigits random digits                 of a proxy without a cluster
//     its id, and as many random digits           of one whose peers know it by its certificate
//     the same, and a MAC of both                 of one with a key, its own or the cluster's
//
// All are hexadecimal digits, and what reads them takes no capitals. The MAC is no proof that there
// is such a registration; it only keeps who has made a ticket up from having one proxy dial
// another. Pure; any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/secret.hpp"

namespace inout::proxy {

/// Digits of a proxy's id, and of the MAC in a ticket.
inline constexpr std::size_t kProxyIdDigits = 16, kTicketMacDigits = 16;

/// A new one, of a proxy in a cluster; `proxy` is its id. Without a `key` there is no MAC.
std::string make_ticket(std::string_view proxy, const Secret* key);

/// What a ticket of a cluster says.
struct TicketOwner {
    std::string_view proxy;  ///< the id of the proxy that has made it; a part of the ticket
    bool has_mac = false;    ///< or its proxy has no key
};
/// Nothing: it is none of a cluster.
std::optional<TicketOwner> owner_of(std::string_view ticket);

/// Whether who has made it has this key. False of one without a MAC. Takes the same time for all
/// MACs.
bool is_made_with(std::string_view ticket, const Secret& key);

}  // namespace inout::proxy
