// What `in --doctor` looks at: each proxy of each network, and whether a stream would come through.
// Called once, on the main thread.
#pragma once

#include <memory>

#include "common/config/types.hpp"

namespace inout::in {

/// The exit code: 0, nothing is wrong; 1, something is; 2, the configuration.
int run_in_doctor(const std::shared_ptr<const InConfig>& config, bool json);

}  // namespace inout::in
