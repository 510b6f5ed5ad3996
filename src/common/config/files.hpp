// The file names within a configuration count from the folder of the configuration's own file, so
// that it works from anywhere. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/config/types.hpp"

namespace inout {

void resolve_files(InConfig& config, const std::string& config_file);
void resolve_files(OutConfig& config, const std::string& config_file);
void resolve_files(ProxyConfig& config, const std::string& config_file);

/// All that it names: certificates, keys, secrets.
std::vector<std::string> files_of(const InConfig& config);
std::vector<std::string> files_of(const OutConfig& config);
std::vector<std::string> files_of(const ProxyConfig& config);

}  // namespace inout
