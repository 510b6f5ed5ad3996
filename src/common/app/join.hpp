// `--join FILE` of in and out: a configuration from a join file and flags, and the end-to-end key
// beside it. For the start and for reloads, which read the join file again; it blocks. Any thread.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/app/command_line.hpp"
#include "common/config/types.hpp"
#include "common/open/site_secret.hpp"

namespace inout {

/// The key that in and out of a relay share and the relay must never have: a file of this name
/// beside each join file.
inline constexpr const char* kSitesKeyFile = "sites.e2e";
/// Where that is for this join file.
std::string sites_key_of(const std::string& join_file);

/// Puts what a join file says into the networks, if there is one. The failure names the flag.
template <class Config>
std::optional<std::string> apply_join(Config& config, const CommandLine& line) {
    if (line.join.empty()) return std::nullopt;
    const auto join = read_join_file(line.join);
    if (!join) return "--join " + line.join + ": " + join.error();
    config.tls.emplace().pin = join->pin;
    // Of --check a file is made, which may lie elsewhere.
    config.auth = KeyOptions{join->id, std::filesystem::absolute(line.join).string()};
    for (auto& network : config.networks) {
        network.server = join->server;
        network.e2e.emplace().key_file = sites_key_of(line.join);
    }
    return std::nullopt;
}

}  // namespace inout
