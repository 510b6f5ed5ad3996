// What people write where a host belongs, and what they should write: URLs, paths, names in other
// scripts, characters that can not be seen.
//
// Pure; any thread. Nothing is looked up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inout {

enum class Expected { host, host_and_port };

/// For a text that is no host and no HOST:PORT for a reason that can be named, worded to follow its
/// key ("is a URL: write …"); nothing otherwise. Brackets and ports are not judged here.
std::optional<std::string> check_mistaken(std::string_view text, Expected expected);

/// A name's form for the DNS (RFC 5891, RFC 3492): labels with other letters than ASCII's become
/// `xn--…`. Letters are lowered for the alphabets that have a simple rule for it; nothing if the
/// text is not UTF-8, a label grows too long, or marks that stand alone would have to be composed
/// with their letters first (RFC 5891, 4.1).
std::optional<std::string> ascii_name(std::string_view name);

}  // namespace inout
