// The names within a cluster of proxies: its own, and those of its proxies. Pure; any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace inout::cluster {

/// Such names are words of subjects of NATS.
inline constexpr std::size_t kNameMaxBytes = 64;

/// Whether a cluster, a proxy or an inbox may be called that: 1 to kNameMaxBytes letters, digits,
/// `-` and `_`.
inline bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kNameMaxBytes &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '-' || c == '_';
           });
}

}  // namespace inout::cluster
