#include "common/wire/http_fields.hpp"

#include <algorithm>

#include "common/wire/http_text.hpp"

namespace inout {
namespace {

constexpr std::string_view kHttpLineEnd = "\r\n", kHttpHeadEnd = "\r\n\r\n";

/// Nothing: it is none.
std::optional<HttpField> field_of(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == line.npos || !is_http_token(line.substr(0, colon)) || !is_http_line(line)) {
        return std::nullopt;
    }
    return HttpField{line.substr(0, colon), without_blanks(line.substr(colon + 1))};
}

}  // namespace

std::size_t HttpFields::count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [&](const HttpField& field) { return is_same_word(field.name, name); }));
}

std::optional<std::string_view> HttpFields::first(std::string_view name) const {
    for (const HttpField& field : all) {
        if (is_same_word(field.name, name)) return field.value;
    }
    return std::nullopt;
}

std::string_view HttpFields::last(std::string_view name) const {
    std::string_view found;
    for (const HttpField& field : all) {
        if (is_same_word(field.name, name)) found = field.value;
    }
    return found;
}

bool HttpFields::lists(std::string_view name, std::string_view word) const {
    return std::ranges::any_of(all, [&](const HttpField& field) {
        return is_same_word(field.name, name) && has_list_item(field.value, word);
    });
}

std::optional<std::size_t> http_head_size(std::string_view bytes) {
    const auto end = bytes.find(kHttpHeadEnd);
    if (end == bytes.npos) return std::nullopt;
    return end + kHttpHeadEnd.size();
}

std::optional<std::string_view> take_http_line(std::string_view& text) {
    const auto end = text.find(kHttpLineEnd);
    if (end == text.npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + kHttpLineEnd.size());
    return line;
}

bool is_http_line(std::string_view line) {
    return std::ranges::all_of(line, [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
    });
}

Result<HttpFields, HttpFieldsProblem> take_http_fields(std::string_view& text) {
    HttpFields fields;
    while (true) {
        const auto line = take_http_line(text);
        if (!line) return Failure{HttpFieldsProblem::malformed};
        if (line->empty()) return fields;
        const auto field = field_of(*line);
        if (!field) return Failure{HttpFieldsProblem::malformed};
        if (fields.all.size() == kHttpFieldsMax) return Failure{HttpFieldsProblem::too_many};
        fields.all.push_back(*field);
    }
}

}  // namespace inout
