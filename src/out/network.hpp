// One network of out at run time: its configuration, and what was made from it at start. Read only
// from then on. Owned by the service; any thread reads it.
#pragma once

#include <memory>

#include "common/open/proxy_link.hpp"
#include "out/data_links.hpp"

namespace inout::out {

struct Network {
    const OutConfig& all;
    const OutNetwork& config;
    const ProxyLink* proxy_link;
    std::unique_ptr<TlsPsk> e2e;  ///< nothing: not encrypted end to end
    DataLinks* links = nullptr;   ///< its proxy's; set before anything runs
};

}  // namespace inout::out
