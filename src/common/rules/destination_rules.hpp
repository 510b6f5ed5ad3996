// DestinationRules: what the clients of an exit may have dialled, by name, address and port.
//
// A name is worth nothing by itself: whoever owns it says where it leads, and something else in the
// next second. So each address is judged when it is dialled. Pure; made from the configuration,
// then read only: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/host_port.hpp"
#include "common/base/result.hpp"
#include "common/rules/backend_template.hpp"

namespace inout {

/// One entry of a list: HOST or HOST:PORTS, where HOST is a name, `*.` and a name for all names
/// below it, an address or a range of them, or `*`, and PORTS one or a range, 7000-7100.
class DestinationRule {
  public:
    /// The failure is worded to follow its key.
    static Result<DestinationRule, std::string> parse(std::string_view text);

    bool has_port(std::uint16_t port) const { return port >= ports_.first && port <= ports_.last; }
    /// Whether it is about this name, whatever that leads to.
    bool names(std::string_view host) const;
    /// The addresses that it is about; nothing: it is no entry of addresses.
    const std::optional<AddressRange>& range() const { return range_; }
    const std::string& text() const { return text_; }

    bool operator==(const DestinationRule&) const = default;

  private:
    std::string text_;
    std::string name_;  // empty: a range, or `*`
    bool below_ = false;
    std::optional<AddressRange> range_;
    PortRange ports_{1, 65'535};
};

struct DestinationRules {
    std::vector<DestinationRule> allow, deny;  ///< an empty `allow`: whatever is public

    /// Whether it makes sense to look this name up. Whether an address may be dialled is another
    /// question.
    bool may_ask(const HostPort& target) const;
    /// Whether this address may be dialled for who asked for `target`. What is denied may not. What
    /// is special or private has to be allowed by a range that has nothing else; what is this
    /// machine's own (`is_own`) and public, by itself.
    bool may_dial(const HostPort& target, const IpAddress& address, bool is_own) const;

    bool operator==(const DestinationRules&) const = default;
};

}  // namespace inout
