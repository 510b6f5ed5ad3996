// The words that HTTP is made of (RFC 9110, 5.6), for who reads requests and who reads answers.
// Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace inout {

/// Letters of ASCII in lower case, everything else as it is.
std::string in_lower_case(std::string_view text);
/// Whether both are the same but for the case of ASCII letters.
bool is_same_word(std::string_view a, std::string_view b);
/// A letter of ASCII, or a digit.
bool is_alphanumeric(char c);
/// Whether it may stand in a token (5.6.2).
bool is_token_character(char c);
/// Whether it is a token, which is not empty.
bool is_http_token(std::string_view text);
/// The first item of a list, with commas between, without the blanks around it; the rest stays in
/// `list`, which must not be empty.
std::string_view take_list_item(std::string_view& list);
/// Whether a list, with commas between, has this word in any letter case.
bool has_list_item(std::string_view list, std::string_view word);
/// Without the blanks and tabs around it.
std::string_view without_blanks(std::string_view text);

}  // namespace inout
