#include "common/config/quota_file.hpp"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/config/document.hpp"

namespace inout {
namespace {

using Kind = JsonValue::Kind;

constexpr std::int64_t kVersion1 = 1;
/// A clock that says a later year is wrong.
constexpr std::int64_t kMonthsMax = std::int64_t{9999 - 1970} * 12;

/// "2026-11"
std::string month_text(std::int64_t month) {
    const std::string number = std::to_string(100 + month % 12 + 1);
    return std::to_string(1970 + month / 12) + "-" + number.substr(1);
}

std::optional<std::int64_t> month_from(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789";
    if (text.size() != 7 || text[4] != '-') return std::nullopt;
    std::int64_t number = 0;  // the year's four digits, then the month's two
    for (const char c : std::string(text.substr(0, 4)) + std::string(text.substr(5))) {
        if (kDigits.find(c) == kDigits.npos) return std::nullopt;
        number = number * 10 + (c - '0');
    }
    const std::int64_t month = (number / 100 - 1970) * 12 + number % 100 - 1;
    const bool good = number % 100 >= 1 && number % 100 <= 12 && month >= 0 && month <= kMonthsMax;
    return good ? std::optional(month) : std::nullopt;
}

/// The only member of this name; nothing: there is none, or more than one.
const JsonValue* only(const JsonValue& object, std::string_view key) {
    const JsonValue* found = nullptr;
    for (const JsonMember& member : object.members) {
        if (member.key != key) continue;
        if (found != nullptr) return nullptr;
        found = &member.value;
    }
    return found;
}

std::optional<std::uint64_t> bytes_in(const JsonValue& object, std::string_view key) {
    const JsonValue* const value = only(object, key);
    if (value == nullptr || !value->whole || *value->whole < 0) return std::nullopt;
    return static_cast<std::uint64_t>(*value->whole);
}

std::string at_entry(std::size_t index, std::string_view what) {
    return "used[" + std::to_string(index) + "]" + std::string(what);
}

/// What is wrong with it; nothing: it is in `records`.
std::optional<std::string> read_entry(const JsonValue& entry, std::size_t index,
                                      QuotaRecords& records) {
    if (entry.kind != Kind::object) return at_entry(index, " is not an object");
    const JsonValue* const who = only(entry, "who");
    if (who == nullptr || who->kind != Kind::string || who->text.empty()) {
        return at_entry(index, ".who is not a name");
    }
    const JsonValue* const month = only(entry, "month");
    const auto in =
        month != nullptr && month->kind == Kind::string ? month_from(month->text) : std::nullopt;
    if (!in) return at_entry(index, ".month is not a month, such as \"2026-11\"");
    const auto total = bytes_in(entry, "total"), in_month = bytes_in(entry, "in_month");
    if (!total) return at_entry(index, ".total is not a number of bytes");
    if (!in_month) return at_entry(index, ".in_month is not a number of bytes");
    if (entry.members.size() != 4) return at_entry(index, " has unknown keys");
    const BytesUsed used{.total = *total, .in_month = *in_month, .month = *in};
    if (!records.emplace(who->text, used).second) {
        return at_entry(index, ".who is in the file twice");
    }
    return std::nullopt;
}

}  // namespace

Result<QuotaRecords, std::string> parse_quota_file(std::string_view text) {
    if (text.empty()) return Failure{std::string("it is empty")};
    const auto document = parse_json_document(text);
    if (!document) return Failure{"it is no JSON: " + document.error().what};
    const JsonValue* const version = only(*document, "version");
    if (version == nullptr || version->whole != kVersion1) {
        return Failure{std::string("it has no \"version\": 1")};
    }
    const JsonValue* const used = only(*document, "used");
    if (used == nullptr || used->kind != Kind::array || document->members.size() != 2) {
        return Failure{std::string("it is not {\"version\": 1, \"used\": […]}")};
    }
    QuotaRecords records;
    for (std::size_t i = 0; i < used->elements.size(); ++i) {
        if (auto problem = read_entry(used->elements[i], i, records)) {
            return Failure{std::move(*problem)};
        }
    }
    return records;
}

std::string quota_file_text(const QuotaRecords& records) {
    // What is beyond could not be read again; so much nobody moves.
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    nlohmann::ordered_json json{{"version", kVersion1}, {"used", nlohmann::ordered_json::array()}};
    for (const auto& [who, used] : records) {
        json["used"].push_back({{"who", who},
                                {"total", std::min(used.total, kMost)},
                                {"month", month_text(used.month)},
                                {"in_month", std::min(used.in_month, kMost)}});
    }
    return json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace inout
