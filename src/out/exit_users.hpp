// The users of an exit, from their file. Blocks: for start-up and reload. Any thread.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.hpp"
#include "common/config/types.hpp"
#include "common/rules/forward_users.hpp"

namespace inout::out {

/// Nothing: whoever comes may ask. The failure names the key, the file, and what is wrong with it.
Result<std::shared_ptr<const ForwardUsers>, std::string> load_users(const OutNetwork& network);

}  // namespace inout::out
