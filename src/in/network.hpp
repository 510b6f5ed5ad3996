// One network of in at run time: its part of a configuration, and what was made for it. Never
// changed: another configuration has other networks. Shared by its listener and its sessions; any
// thread reads it.
#pragma once

#include <atomic>
#include <memory>

#include "common/open/proxy_link.hpp"
#include "common/relay/rates.hpp"
#include "in/server_group.hpp"

namespace inout::in {

struct Network {
    std::shared_ptr<const InConfig> all;
    const InNetwork& config;  ///< in `all`, as these are:
    const std::vector<AddressRange>&allow, &deny;
    std::shared_ptr<const TlsPsk> e2e;  ///< nothing: not encrypted end to end
    std::shared_ptr<ServerGroup> servers;
    Rates rates{};  ///< of all its streams
    /// The log has it already that the other side does not compress.
    std::shared_ptr<std::atomic<bool>> uncompressed = std::make_shared<std::atomic<bool>>(false);
};

/// What of a configuration its servers are made with, and how they are chosen.
Dialling dialling_of(const InNetwork& network, const InConfig& config);
Select select_of(const InNetwork& network, const InConfig& config);

}  // namespace inout::in
