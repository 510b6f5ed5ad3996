#include "common/wire/http_message.hpp"

#include <algorithm>

#include "common/base/websocket_limits.hpp"
#include "common/wire/http_text.hpp"

namespace inout {
namespace {

constexpr std::string_view kHttpLineEnd = "\r\n", kHttpMessageHeadEnd = "\r\n\r\n";

bool is_text_character(char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != '\x7f');
}

}  // namespace

std::size_t HttpMessageHead::count(std::string_view name) const {
    return static_cast<std::size_t>(std::ranges::count_if(
        fields, [&](const auto& each) { return is_same_word(each.first, name); }));
}

std::string_view HttpMessageHead::last(std::string_view name) const {
    std::string_view found;
    for (const auto& [each, value] : fields) {
        if (is_same_word(each, name)) found = value;
    }
    return found;
}

bool HttpMessageHead::lists(std::string_view name, std::string_view word) const {
    for (const auto& [each, value] : fields) {
        if (!is_same_word(each, name)) continue;
        for (std::string_view rest = value; !rest.empty();) {
            const std::string_view item = rest.substr(0, rest.find(','));
            if (is_same_word(without_blanks(item), word)) return true;
            rest.remove_prefix(std::min(item.size() + 1, rest.size()));
        }
    }
    return false;
}

std::optional<std::size_t> message_head_size(std::string_view bytes) {
    const auto end = bytes.find(kHttpMessageHeadEnd);
    if (end == bytes.npos) return std::nullopt;
    return end + kHttpMessageHeadEnd.size();
}

Result<HttpMessageHead, std::string> parse_message_head(std::string_view head) {
    HttpMessageHead parsed;
    bool first = true;
    while (true) {
        const auto end = head.find(kHttpLineEnd);
        if (end == head.npos) return Failure{std::string("a head that is not whole")};
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end + kHttpLineEnd.size());
        if (!std::ranges::all_of(line, is_text_character)) {
            return Failure{std::string("a control character in a head")};
        }
        if (std::exchange(first, false)) {
            parsed.start = line;
            continue;
        }
        if (line.empty()) return parsed;
        const auto colon = line.find(':');
        const std::string_view name = line.substr(0, colon);
        if (colon == line.npos || !is_http_token(name)) {
            return Failure{std::string("a line that is no field")};
        }
        if (parsed.fields.size() == kHttpFieldsMax) {
            return Failure{"more than " + std::to_string(kHttpFieldsMax) + " fields"};
        }
        parsed.fields.emplace_back(name, without_blanks(line.substr(colon + 1)));
    }
}

}  // namespace inout
