#include "common/protocol/config_reader.hpp"

#include <algorithm>
#include <utility>

#include "common/protocol/host_port.hpp"

namespace inout {
namespace {

using Kind = JsonValue::Kind;

constexpr std::size_t kProblemsMax = 100;

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

/// Of the kinds that a key may ask for.
std::string named(Kind kind) {
    if (kind == Kind::object) return "an object";
    return kind == Kind::array ? "an array" : "a string";
}

std::string shown(const JsonValue& value) {
    const bool nested = value.kind == Kind::object || value.kind == Kind::array;
    return nested ? named(value.kind) : shortened(value.source);
}

std::string joined(std::span<const std::string_view> words) {
    std::string text;
    for (const auto word : words) text += (text.empty() ? "" : ", ") + quoted(word);
    return text;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// How many single-letter typing errors lie between two words: letters left out, added, replaced or
/// swapped with the next (optimal string alignment). Case does not count.
std::size_t typing_errors(std::string_view a, std::string_view b) {
    std::vector<std::size_t> before_last, last(b.size() + 1), row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const auto same = [&](std::size_t x, std::size_t y) {
                return lower(a[x - 1]) == lower(b[y - 1]);
            };
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same(i, j) ? 0 : 1)});
            if (i > 1 && j > 1 && same(i, j - 1) && same(i - 1, j)) {
                row[j] = std::min(row[j], before_last[j - 2] + 1);
            }
        }
        before_last = std::exchange(last, row);
    }
    return last[b.size()];
}

/// The known key that was probably meant: the nearest one, at most every third letter wrong.
std::optional<std::string_view> nearest(std::string_view key,
                                        std::span<const std::string_view> known) {
    std::optional<std::string_view> best;
    std::size_t best_errors = 0;
    for (const auto candidate : known) {
        const std::size_t allowed = std::max<std::size_t>(1, candidate.size() / 3);
        if (key.size() > candidate.size() + allowed) continue;  // keeps huge keys cheap
        const std::size_t errors = typing_errors(key, candidate);
        if (errors <= allowed && (!best || errors < best_errors)) {
            best = candidate;
            best_errors = errors;
        }
    }
    return best;
}

}  // namespace

Problems::Problems(std::string_view text, std::string_view file)
    : text_(text), file_(file), line_starts_{0} {
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') line_starts_.push_back(i + 1);
    }
}

void Problems::add(std::string_view where, std::string_view path, std::string what) {
    if (found_.size() == kProblemsMax) {
        ++omitted_;
        return;
    }
    if (!path.empty()) what.insert(0, std::string(path) + ": ");
    found_.push_back({where, std::move(what)});
}

std::size_t Problems::line_of(std::string_view where) const {
    const auto offset = static_cast<std::size_t>(where.data() - text_.data());
    const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
    return static_cast<std::size_t>(after - line_starts_.begin());
}

std::vector<std::string> Problems::lines() {
    std::stable_sort(found_.begin(), found_.end(), [](const Problem& a, const Problem& b) {
        return a.where.data() < b.where.data();
    });
    std::vector<std::string> result;
    for (const auto& [where, what] : found_) {
        const std::size_t line = line_of(where);
        const char* const start = text_.data() + line_starts_[line - 1];
        const auto continues = [](char c) {
            return (static_cast<unsigned char>(c) & 0xc0U) == 0x80;
        };
        const auto column =
            1 + (where.data() - start) - std::count_if(start, where.data(), continues);
        result.push_back(file_ + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " +
                         what);
    }
    if (omitted_ > 0) {
        result.push_back(file_ + ": and " + std::to_string(omitted_) + " more problems");
    }
    return result;
}

FieldReader::FieldReader(const JsonValue& object, std::string path, Problems& problems)
    : source_(object.source), path_(std::move(path)), problems_(problems) {
    for (const JsonMember& member : object.members) {
        const auto [first, fresh] = members_.emplace(member.key, &member);
        if (fresh) continue;
        problems_.add(member.source, path_,
                      "duplicate key " + shortened(member.source) + "; the first is on line " +
                          std::to_string(problems_.line_of(first->second->source)));
        bad_.insert(member.key);
    }
}

bool FieldReader::good(std::initializer_list<std::string_view> keys) const {
    return std::none_of(keys.begin(), keys.end(), [&](auto key) { return bad_.contains(key); });
}

std::string FieldReader::path_of(std::string_view key) const {
    if (path_.empty() || key.empty()) return path_ + std::string(key);
    return path_ + "." + std::string(key);
}

void FieldReader::complain(std::string_view key, std::string what) {
    const auto member = members_.find(key);
    const auto where = member == members_.end() ? source_ : member->second->value.source;
    problems_.add(where, path_of(key), std::move(what));
    bad_.insert(key);
}

/// At the lower one, unless only the higher one is in the file.
void FieldReader::complain_of_order(const Bound& low, const Bound& high) {
    if (!good({low.key, high.key})) return;
    const bool at_high = !members_.contains(low.key);
    const Bound& here = at_high ? high : low;
    const Bound& there = at_high ? low : high;
    complain(here.key, "must be " + std::string(here.words) + " " + path_of(there.key) + " (" +
                           there.value + "), not " + here.value);
}

void FieldReader::less(std::string_view low_key, std::int64_t low, std::string_view high_key,
                       std::int64_t high) {
    if (low < high) return;
    complain_of_order({low_key, "less than", std::to_string(low)},
                      {high_key, "more than", std::to_string(high)});
}

bool FieldReader::is_a(Kind kind, const JsonValue& element, const std::string& path) {
    if (element.kind == kind) return true;
    problems_.add(element.source, path, "must be " + named(kind) + ", not " + shown(element));
    return false;
}

template <class Accepts>
const JsonValue* FieldReader::find(std::string_view key, Need need, Accepts accepts,
                                   const std::string& expected) {
    known_.push_back(key);
    const auto member = members_.find(key);
    if (member == members_.end()) {
        if (need == Need::required) complain(key, "is required");
        return nullptr;
    }
    const JsonValue& value = member->second->value;
    if (accepts(value)) return &value;
    complain(key, "must be " + expected + ", not " + shown(value));
    return nullptr;
}

const JsonValue* FieldReader::find(std::string_view key, Need need, Kind kind) {
    return find(
        key, need, [&](const JsonValue& value) { return value.kind == kind; }, named(kind));
}

const JsonValue* FieldReader::find_array(std::string_view key, Range entries) {
    const Need need = entries.min > 0 ? Need::required : Need::optional;
    const JsonValue* value = find(key, need, Kind::array);
    if (value == nullptr) return nullptr;
    const auto size = static_cast<std::int64_t>(value->elements.size());
    if (size >= entries.min && size <= entries.max) return value;
    complain(key, "must have " + std::to_string(entries.min) + " to " +
                      std::to_string(entries.max) + " entries, not " + std::to_string(size));
    return nullptr;
}

std::optional<std::int64_t> FieldReader::whole_number(std::string_view key, Need need,
                                                      Range range) {
    const auto accepts = [&](const JsonValue& value) {
        return value.whole && *value.whole >= range.min && *value.whole <= range.max;
    };
    const JsonValue* value = find(
        key, need, accepts,
        "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max));
    return value == nullptr ? std::nullopt : value->whole;
}

std::optional<std::size_t> FieldReader::one_of(std::string_view key,
                                               std::span<const std::string_view> names) {
    std::size_t index = names.size();
    const auto accepts = [&](const JsonValue& value) {
        if (value.kind != Kind::string) return false;
        const auto name = std::find(names.begin(), names.end(), value.text);
        index = static_cast<std::size_t>(name - names.begin());
        return name != names.end();
    };
    if (find(key, Need::optional, accepts, "one of " + joined(names)) == nullptr) {
        return std::nullopt;
    }
    return index;
}

void FieldReader::host(std::string_view key, std::string& host, Need need) {
    const JsonValue* value = find(key, need, Kind::string);
    if (value == nullptr) return;
    std::string_view name = value->text;
    // The original joins host and port with a colon, so its users wrote IPv6 in brackets.
    const bool ipv6 = name.find(':') != name.npos;
    if (ipv6 && name.starts_with('[') && name.ends_with(']')) {
        name = name.substr(1, name.size() - 2);
    }
    if (const auto problem = check_host(name)) {
        complain(key, shown(*value) + " " + *problem);
    } else {
        host = name;
    }
}

void FieldReader::port(std::string_view key, std::uint16_t& port, std::uint16_t min, Need need) {
    if (const auto number = whole_number(key, need, {min, 65'535})) {
        port = static_cast<std::uint16_t>(*number);
    }
}

void FieldReader::text(std::string_view key, std::string& text, CheckText check, Need need) {
    const JsonValue* value = find(key, need, Kind::string);
    if (value == nullptr) return;
    if (const auto problem = check(value->text)) {
        complain(key, *problem);
    } else {
        text = value->text;
    }
}

void FieldReader::duration(std::string_view key, Milliseconds& time, Range range_ms) {
    if (const auto number = whole_number(key, Need::optional, range_ms)) {
        time = Milliseconds{*number};
    }
}

void FieldReader::finish() {
    for (const auto& [key, member] : members_) {
        if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
        const auto meant = nearest(key, known_);
        problems_.add(member->source, path_,
                      "unknown key " + shortened(member->source) +
                          (meant ? "; did you mean " + quoted(*meant) + "?"
                                 : "; the keys here are " + joined(known_)));
    }
}

}  // namespace inout
