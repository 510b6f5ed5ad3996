// What `out --doctor` looks at: each proxy of each network, whether the topic may be registered
// there, and each backend. Called once, on the main thread.
#pragma once

#include <memory>

#include "common/config/types.hpp"

namespace inout::out {

/// The exit code: 0, nothing is wrong; 1, something is; 2, the configuration.
int run_out_doctor(const std::shared_ptr<const OutConfig>& config, bool json);

}  // namespace inout::out
