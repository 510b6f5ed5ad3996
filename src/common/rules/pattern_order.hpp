// The order of patterns that PatternTable finds by (pattern_table.hpp), as a question about two of
// them: a cluster's proxies compare what others have. Pure.
#pragma once

#include <string_view>

namespace inout {

/// Whether a topic that both patterns match is rather the first one's. Of two such patterns one
/// always is.
bool is_more_specific(std::string_view pattern, std::string_view other);

}  // namespace inout
