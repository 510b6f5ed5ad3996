// One network of in at run time: its configuration, and what was made from it at start. Read only
// from then on. Owned by the service; any thread reads it.
#pragma once

#include <memory>

#include "common/open/proxy_link.hpp"
#include "in/server.hpp"

namespace inout::in {

struct Network {
    const InNetwork& config;
    const std::vector<AddressRange>&allow, &deny;
    const ProxyLink* proxy_link;
    std::unique_ptr<TlsPsk> e2e;  ///< nothing: not encrypted end to end
    Server* server = nullptr;     ///< set before anything runs
};

}  // namespace inout::in
