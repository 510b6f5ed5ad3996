// What is said about a text that is no JSON: which format it looks like, and which character stands
// where another one belongs.
//
// Pure; any thread; never fails. Only called when a text is wrong already.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inout {

/// "this is not JSON: it looks like YAML; …" for a text of another format or encoding, judged by
/// its first lines; nothing if it may be JSON with a mistake.
std::optional<std::string> other_format(std::string_view text);

/// What stands first in `here`, to follow "expected …": `found 'x'`, `found the end of the file`,
/// or `found U+201C (left double quotation mark): write " instead`.
std::string found(std::string_view here);

/// The ASCII character that `code_point` was typed for: quotes, fullwidth punctuation, dashes; a
/// space for the spaces; 0 if it stands for nothing and is to be removed; nothing if unknown.
std::optional<char> typed_for(char32_t code_point);

}  // namespace inout
