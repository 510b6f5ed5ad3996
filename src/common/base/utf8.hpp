// UTF-8, as far as texts of others need it: is it well-formed, and may a reader be shown it?
//
// One list says which characters can not be seen or change how others are seen: topics refuse what
// it names (rules/topic.hpp), the log and the messages about a configuration show it escaped. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace inout {

struct CodePoint {
    std::uint32_t value;
    std::size_t bytes;  ///< 0: not UTF-8
};

/// The first character of a text that is not empty. Well-formed is what RFC 3629, 4 says: no
/// overlong form, no surrogate, nothing above U+10FFFF.
CodePoint first_code_point(std::string_view text);

/// False for what a terminal obeys, what reorders a line, and what nobody can see: control
/// characters, line and paragraph separators, bidirectional marks, spaces other than U+0020, and
/// what has no width (Unicode's Default_Ignorable_Code_Point, such as U+200B and U+FEFF).
bool is_printable(std::uint32_t code_point);

/// `U+200B`, and what it is called if it is one that people meet: `U+200B (zero width space)`.
std::string name_of(std::uint32_t code_point);

/// As JSON escapes it (RFC 8259, 7): `\u200b`, and two of them above U+FFFF.
void append_escape(std::string& out, std::uint32_t code_point);

/// For a terminal: what is not printable as append_escape writes it, a byte that is not UTF-8 as
/// `\xff`; all else as it is.
std::string visible(std::string_view text);

}  // namespace inout
