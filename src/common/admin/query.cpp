#include "common/admin/query.hpp"

#include <algorithm>
#include <utility>

namespace inout::admin {
namespace {

constexpr const char* kBadEscape = "the query has a % without two hexadecimal digits";

/// -1: it is no hexadecimal digit.
int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            bytes += text[i];
            continue;
        }
        if (text.size() - i < 3) return std::nullopt;
        const int high = digit_of(text[i + 1]), low = digit_of(text[i + 2]);
        if (high < 0 || low < 0) return std::nullopt;
        bytes += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return bytes;
}

Result<Query, std::string> Query::parse(std::string_view text,
                                        const std::vector<std::string_view>& known) {
    Query query;
    while (!text.empty()) {
        const std::string_view part = text.substr(0, text.find('&'));
        text.remove_prefix(std::min(part.size() + 1, text.size()));
        if (part.empty()) continue;
        const auto equals = std::min(part.find('='), part.size());
        auto key = percent_decoded(part.substr(0, equals));
        auto value = percent_decoded(part.substr(std::min(equals + 1, part.size())));
        if (!key || !value) return Failure{std::string(kBadEscape)};
        const bool is_known = std::find(known.begin(), known.end(), *key) != known.end();
        if (!is_known || equals == part.size() ||
            !query.values_.emplace(std::move(*key), std::move(*value)).second) {
            return Failure{std::string("the query has a key that is unknown here, or twice")};
        }
    }
    return query;
}

const std::string* Query::find(std::string_view key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
}

}  // namespace inout::admin
