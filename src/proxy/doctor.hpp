// What --doctor of the proxy looks at: its own port and certificates, and of a cluster each server
// of NATS and every other proxy. Listens nowhere and joins nothing, so it may run beside the proxy.
// On the main thread.
#pragma once

#include <memory>

#include "common/config/types.hpp"

namespace inout::proxy {

/// The exit code.
int run_proxy_doctor(const std::shared_ptr<const ProxyConfig>& config, bool json);

}  // namespace inout::proxy
