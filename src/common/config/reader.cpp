#include "common/config/reader.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "common/base/host_port.hpp"
#include "common/base/utf8.hpp"
#include "common/config/nearest_word.hpp"

namespace inout {
namespace {

using Kind = JsonValue::Kind;

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

/// A number in quotes, and a duration with its unit, have one meaning each.
std::string meant_number(const JsonValue& value) {
    if (value.kind != Kind::string) return "";
    std::uint32_t amount = 0;
    const std::string& text = value.text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (error != std::errc{}) return "";
    const std::string_view unit =
        std::string_view(text).substr(static_cast<std::size_t>(end - text.data()));
    if (unit.empty()) return "; write " + std::to_string(amount) + " without quotes";
    static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
        {"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"min", 60'000}, {"h", 3'600'000}};
    for (const auto& [name, milliseconds] : kUnits) {
        if (unit == name) {
            return "; write " + std::to_string(amount * milliseconds) + ", in milliseconds";
        }
    }
    return "";
}

/// A key as it looks, and the name of the first character in it that can not be seen.
std::pair<std::string, std::string> without_unseen(std::string_view key) {
    std::pair<std::string, std::string> result;
    auto& [seen, unseen] = result;
    while (!key.empty()) {
        const auto [value, bytes] = first_code_point(key);
        if (bytes == 0) break;  // no key is not UTF-8: the parser has seen to that
        if (is_printable(value)) {
            seen += key.substr(0, bytes);
        } else if (unseen.empty()) {
            unseen = name_of(value);
        }
        key.remove_prefix(bytes);
    }
    return result;
}

}  // namespace

std::optional<std::size_t> find_choice(std::span<const std::string_view> names,
                                       std::string_view written) {
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (same_but_for_case(names[i], written)) return i;
    }
    // "warn" and "err" are what many other programs call them.
    const bool short_name = same_but_for_case(written, "warn") || same_but_for_case(written, "err");
    for (std::size_t i = 0; short_name && i < names.size(); ++i) {
        if (same_but_for_case(names[i].substr(0, written.size()), written)) return i;
    }
    return std::nullopt;
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

const JsonMember* FieldReader::member(std::string_view key) {
    if (const auto exact = members_.find(key); exact != members_.end()) return exact->second;
    for (const auto& [written, member] : members_) {
        if (!same_but_for_case(written, key)) continue;
        // Today's files may have been read by a JSON library that does not tell them apart.
        problems_.warn(member->source, path_,
                       "the key " + shortened(member->source) + " is taken for " + quoted(key));
        taken_.insert(written);
        if (bad_.contains(written)) bad_.insert(key);
        return members_.emplace(key, member).first->second;
    }
    return nullptr;
}

bool FieldReader::absent(std::string_view key) {
    if (member(key) != nullptr) return false;
    known_.push_back(key);
    return true;
}

bool FieldReader::is_object(std::string_view key, bool /*written*/) {
    const JsonMember* const found = member(key);
    return found != nullptr && found->value.kind == JsonValue::Kind::object;
}

std::string_view FieldReader::place_of(std::string_view key) const {
    const auto member = members_.find(key);
    return member == members_.end() ? source_ : member->second->value.source;
}

void FieldReader::complain(std::string_view key, std::string what) {
    problems_.add(place_of(key), path_of(key), std::move(what));
    bad_.insert(key);
    // One that has no meaning here was not read, and is no unknown one.
    const bool known = std::find(known_.begin(), known_.end(), key) != known_.end();
    if (!known && !key.empty()) known_.push_back(key);
}

void FieldReader::warn(std::string_view key, std::string what) {
    problems_.warn(place_of(key), path_of(key), std::move(what));
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

bool FieldReader::is_a(Kind kind, const JsonValue& element, const std::string& path) {
    if (element.kind == kind) return true;
    problems_.add(element.source, path, "must be " + named(kind) + ", not " + shown(element));
    return false;
}

const JsonValue* FieldReader::find(std::string_view key, Need need, const Accepts& accepts,
                                   std::string_view expected, Hint hint) {
    known_.push_back(key);
    const JsonMember* const member = this->member(key);
    if (member == nullptr) {
        if (need == Need::required) complain(key, "is required");
        return nullptr;
    }
    const JsonValue& value = member->value;
    if (accepts(value)) return &value;
    complain(key, "must be " + std::string(expected) + ", not " + shown(value) +
                      (hint != nullptr ? hint(value) : std::string()));
    return nullptr;
}

const JsonValue* FieldReader::find(std::string_view key, Need need, Kind kind) {
    return find(
        key, need, [&](const JsonValue& value) { return value.kind == kind; }, named(kind));
}

const JsonValue* FieldReader::find_text_or_number(std::string_view key, Need need) {
    const auto accepts = [](const JsonValue& value) {
        return value.kind == Kind::string || value.whole;
    };
    return find(key, need, accepts, "a string");
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
        "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max),
        meant_number);
    return value == nullptr ? std::nullopt : value->whole;
}

std::optional<std::size_t> FieldReader::one_of(std::string_view key,
                                               std::span<const std::string_view> names) {
    std::size_t index = names.size();
    const auto accepts = [&](const JsonValue& value) {
        if (value.kind != Kind::string) return false;
        index = find_choice(names, value.text).value_or(names.size());
        return index < names.size();
    };
    const JsonValue* value = find(key, Need::optional, accepts, "one of " + joined(names));
    if (value == nullptr) return std::nullopt;
    if (value->text != names[index]) {
        warn(key, shown(*value) + " is taken for " + quoted(names[index]));
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

void FieldReader::listener(std::string_view key, std::string& host) {
    const JsonMember* const member = this->member(key);
    const bool text = member != nullptr && member->value.kind == Kind::string;
    if (!text || (!member->value.text.empty() && member->value.text != "*")) {
        return this->host(key, host);
    }
    known_.push_back(key);
    host = kAllAddresses;
    if (member->value.text.empty()) {
        warn(key, "\"\" listens on all addresses of this machine, not on 127.0.0.1 only");
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

void FieldReader::flag(std::string_view key, bool& value) {
    const auto accepts = [](const JsonValue& each) { return each.kind == Kind::boolean; };
    const JsonValue* found = find(key, Need::optional, accepts, "true or false");
    if (found != nullptr) value = found->source.starts_with('t');
}

bool FieldReader::has_place(std::string_view key, bool) const {
    const auto found = members_.find(key);
    return found != members_.end() && found->second->value.text.find('{') != std::string::npos;
}

void FieldReader::duration(std::string_view key, Milliseconds& time, Range range_ms) {
    if (const auto number = whole_number(key, Need::optional, range_ms)) {
        time = Milliseconds{*number};
    }
}

void FieldReader::duration(std::string_view key, std::optional<Milliseconds>& time,
                           Range range_ms) {
    if (const auto number = whole_number(key, Need::optional, range_ms)) {
        time = Milliseconds{*number};
    }
}

void FieldReader::duration_near(std::string_view key, Milliseconds& time, Range range_ms,
                                std::int64_t least) {
    constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
    const JsonMember* const member = this->member(key);
    const bool meant = member != nullptr && member->value.whole && *member->value.whole >= least;
    const auto number = whole_number(key, Need::optional, meant ? Range{least, kMost} : range_ms);
    if (!number) return;
    time = Milliseconds{std::clamp(*number, range_ms.min, range_ms.max)};
    if (time.count() == *number) return;
    warn(key, std::to_string(*number) +
                  (*number < range_ms.min ? " is too short, " : " is too long, ") +
                  std::to_string(time.count()) + " is taken");
}

void FieldReader::finish() {
    for (const auto& [key, member] : members_) {
        if (taken_.contains(key)) continue;
        if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
        const auto other = std::find_if(known_.begin(), known_.end(), [&, k = key](auto known) {
            return same_but_for_case(known, k) && members_.contains(known);
        });
        if (other != known_.end()) {
            const JsonMember& used = *members_.find(*other)->second;
            const std::string line = std::to_string(problems_.line_of(used.source));
            if (used.key == *other) {
                problems_.warn(member->source, path_,
                               "the key " + shortened(member->source) +
                                   " is ignored: " + quoted(*other) + " is on line " + line);
            } else {
                problems_.add(member->source, path_,
                              "duplicate key " + shortened(member->source) + "; the first is on " +
                                  "line " + line);
            }
            continue;
        }
        const auto [seen, unseen] = without_unseen(key);
        const auto meant = nearest_word(seen, known_);
        problems_.add(member->source, path_,
                      "unknown key " + shortened(member->source) +
                          (unseen.empty() ? "" : ", which holds " + unseen) +
                          (meant ? "; did you mean " + quoted(*meant) + "?"
                                 : "; the keys here are " + joined(known_)));
    }
}

}  // namespace inout
