// The proxy's configuration as a text: the one that a set-up begins with, and one more site in it.
//
// A site is put into the text as people have it, so that their comments and their order stay. Pure,
// never throws; the callers do the files. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"
#include "common/rules/permissions.hpp"

namespace inout {

/// A proxy that takes nobody but these, over TLS. Names of files count from the configuration's
/// folder, so that the folder can move.
struct NewRelay {
    std::uint16_t port = 0;
    std::string cert, key;
    std::vector<KeyEntry> sites;
};
std::string config_text(const NewRelay& relay);

/// The text with this key in front of those in `auth.keys`. The failure follows the file's name. Of
/// the text's other rules nothing is checked.
Result<std::string, std::string> with_site(std::string_view text, const KeyEntry& site);

/// What is wrong with a site's name, which is also that of its files; worded to follow it. Letters,
/// digits, `-`, `_` and `.`, which is not the first; at most kKeyIdMaxBytes.
std::optional<std::string> check_site_name(std::string_view name);

}  // namespace inout
