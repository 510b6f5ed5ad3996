// What differs between two configurations, for the log of a reload. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace inout {

/// The keys whose values differ, as paths ("limits.topics"), in the order of `after`; a list counts
/// as one value. Both as to_json() writes them.
std::vector<std::string> changed_keys(std::string_view before, std::string_view after);

/// Of these keys those that a running program can not change.
std::vector<std::string> keys_for_restart(const std::vector<std::string>& changed);

}  // namespace inout
