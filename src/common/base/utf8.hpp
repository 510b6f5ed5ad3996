// UTF-8, as far as texts of others need it: is it well-formed, and may a terminal see it?
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace inout {

struct CodePoint {
    std::uint32_t value;
    std::size_t bytes;  ///< 0: not UTF-8
};

/// The first character of a text that is not empty. Well-formed is what RFC 3629, 4 says: no
/// overlong form, no surrogate, nothing above U+10FFFF.
CodePoint first_code_point(std::string_view text);

/// False for what a terminal obeys or what reorders a line: control characters (U+0000–1F,
/// U+7F–9F), line and paragraph separators and bidirectional marks (U+2028–202E, U+2066–2069).
bool is_printable(std::uint32_t code_point);

}  // namespace inout
