#include "common/wire/forward_step.hpp"

#include "common/base/limits.hpp"
#include "common/base/utf8.hpp"

namespace inout {

std::string shown(std::string_view seen) { return visible(seen.substr(0, kSeenMaxBytes)); }

}  // namespace inout
