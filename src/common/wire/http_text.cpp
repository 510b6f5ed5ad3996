#include "common/wire/http_text.hpp"

#include <algorithm>

namespace inout {
namespace {

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string in_lower_case(std::string_view text) {
    std::string lower(text);
    std::ranges::transform(lower, lower.begin(), lower_case);
    return lower;
}

bool is_same_word(std::string_view a, std::string_view b) {
    return std::ranges::equal(a, b, {}, lower_case, lower_case);
}

bool is_alphanumeric(char c) {
    const char lower = lower_case(c);
    return (c >= '0' && c <= '9') || (lower >= 'a' && lower <= 'z');
}

bool is_token_character(char c) {
    return is_alphanumeric(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string::npos;
}

bool is_http_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, is_token_character);
}

std::string_view take_list_item(std::string_view& list) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view item = without_blanks(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    return item;
}

bool has_list_item(std::string_view list, std::string_view word) {
    while (!list.empty()) {
        if (is_same_word(take_list_item(list), word)) return true;
    }
    return false;
}

std::string_view without_blanks(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace inout
