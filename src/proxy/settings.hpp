// Settings: a configuration of the proxy, and what was made for it. Never changed; another one
// takes its place. A session takes the current ones for each of its steps and keeps them alive
// meanwhile. Thread-safe.
#pragma once

#include <memory>

#include "common/rules/chooser.hpp"
#include "common/tls/server.hpp"
#include "proxy/gatekeeper.hpp"

namespace inout::proxy {

struct Settings {
    explicit Settings(std::shared_ptr<const ProxyConfig> c)
        : owner(std::move(c)), config(*owner), gatekeeper(config) {}

    const std::shared_ptr<const ProxyConfig> owner;
    const ProxyConfig& config;
    std::shared_ptr<const TlsServer> tls;  ///< nothing: plain connections only
    Gatekeeper gatekeeper;
};
using SettingsPtr = std::shared_ptr<const Settings>;

/// How the streams of a topic are spread over the outs that share it.
Select dispatch_of(const ProxyConfig& config, std::string_view topic);

/// Reads what the configuration names; what is wrong with it. `before`: whose place it takes, if
/// any. Blocks; any thread.
Result<SettingsPtr, ConfigProblems> load_settings(std::shared_ptr<const ProxyConfig> config,
                                                  const Settings* before);

}  // namespace inout::proxy
