// `proxy --setup` and `proxy --add-site`: a relay's folder with all that it needs, and a join file
// for each site. Instead of running, on the main thread; it blocks.
#pragma once

#include "common/app/command_line.hpp"

namespace inout {

/// The configuration in a folder that `proxy --setup` has made.
inline constexpr const char* kRelayConfigFile = "proxy.json";

/// Each says on stdout what is to be done next, on stderr what is wrong; the exit code.
int set_up_relay(const CommandLine& line);
int add_site(const CommandLine& line);

}  // namespace inout
