#include "proxy/ticket.hpp"

#include <algorithm>

#include "common/base/crypto.hpp"
#include "common/base/limits.hpp"
#include "common/base/random.hpp"

namespace inout::proxy {
namespace {

constexpr std::size_t kNamedDigits = kProxyIdDigits + kTicketDigits;

/// Says what the MAC is for, so that no other use of the key can give the same. Both parts behind
/// it have one length.
constexpr std::string_view kTicketLabel = "inout ticket 1";

/// `named`: the digits in front of it.
std::string ticket_mac(std::string_view named, const Secret& key) {
    std::string text(kTicketLabel);
    text += named;
    return to_hex(bytes_of(hmac_sha256(key.bytes(), text))).substr(0, kTicketMacDigits);
}

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string make_ticket(std::string_view proxy, const Secret* key) {
    std::string ticket = std::string(proxy) + random_hex(kTicketDigits);
    if (key != nullptr) ticket += ticket_mac(ticket, *key);
    return ticket;
}

std::optional<TicketOwner> owner_of(std::string_view ticket) {
    const bool has_mac = ticket.size() == kNamedDigits + kTicketMacDigits;
    if (!has_mac && ticket.size() != kNamedDigits) return std::nullopt;
    if (!is_lower_hex(ticket)) return std::nullopt;
    return TicketOwner{ticket.substr(0, kProxyIdDigits), has_mac};
}

bool is_made_with(std::string_view ticket, const Secret& key) {
    const auto owner = owner_of(ticket);
    if (!owner || !owner->has_mac) return false;
    return equal_in_constant_time(ticket.substr(kNamedDigits),
                                  ticket_mac(ticket.substr(0, kNamedDigits), key));
}

}  // namespace inout::proxy
