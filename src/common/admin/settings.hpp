// Settings: where a program answers over HTTP, and what was made for that. Never changed; others
// take their place. Any thread.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "common/admin/gate.hpp"
#include "common/config/types.hpp"
#include "common/net/resolver.hpp"
#include "common/tls/server.hpp"

namespace inout::admin {

struct Settings {
    AdminOptions options;
    std::shared_ptr<const TlsServer> tls{};  ///< nothing: not encrypted
    Gate gate{};
    Resolved address{};  ///< of `options.listen`, unless it is a UNIX socket

    /// Whether both listen at the same place.
    bool is_at(const Settings& other) const;
    bool is_like(const Settings& other) const;
};
/// Nothing: nobody is answered.
using SettingsPtr = std::shared_ptr<const Settings>;

/// Reads what the configuration names; what is wrong with it. Blocks.
Result<SettingsPtr, ConfigProblems> load_settings(const std::optional<AdminOptions>& options);

}  // namespace inout::admin
