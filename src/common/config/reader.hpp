// The checked reading of a configuration: problems with their places, and a reader of one object.
//
// FieldReader and FieldWriter (types.cpp) have the same members, so that one list of fields per
// program (fields.hpp) serves both directions. A field that is wrong is reported and keeps
// its default, and the reading goes on. Pure; lives on the caller's stack while one file is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/limits.hpp"
#include "common/config/document.hpp"
#include "common/config/problems.hpp"

namespace inout {

/// The numbers that a key may have, or of entries in a list, ends included.
struct Range {
    std::int64_t min;
    std::int64_t max;
};

enum class Need { optional, required };

/// Which of the names is meant: letter case does not count, "warn" and "err" are known too.
std::optional<std::size_t> find_choice(std::span<const std::string_view> names,
                                       std::string_view written);

/// What is wrong with a text, worded to follow its key; nothing if it is fine.
using CheckText = std::optional<std::string> (*)(std::string_view text);

/// Reads the fields of one object by their keys. Every key that is asked for becomes a known one;
/// finish() reports the others. A key in another letter case is taken, with a warning, where the
/// exact one is not there.
class FieldReader {
  public:
    /// `path` names the object in messages; empty for the whole file.
    FieldReader(const JsonValue& object, std::string path, Problems& problems);

    void host(std::string_view key, std::string& host, Need need = Need::optional);
    /// The same for where to listen: an empty text (as in Go) and "*" are all addresses.
    void listener(std::string_view key, std::string& host);
    void port(std::string_view key, std::uint16_t& port, std::uint16_t min, Need need);
    void text(std::string_view key, std::string& text, CheckText check, Need need = Need::optional);
    void duration(std::string_view key, Milliseconds& time, Range range_ms);
    /// The same for one that there is only if the file has it.
    void duration(std::string_view key, std::optional<Milliseconds>& time, Range range_ms);
    /// The same for a key that the original has and does not bound: what is at least `least` is
    /// brought into the range, with a warning.
    void duration_near(std::string_view key, Milliseconds& time, Range range_ms,
                       std::int64_t least);

    template <class Unsigned>
    void count(std::string_view key, Unsigned& amount, Range range) {
        if (const auto number = whole_number(key, Need::optional, range)) {
            amount = static_cast<Unsigned>(*number);
        }
    }

    /// `names` has the enumerators' names, in their order.
    template <class Enum>
    void choice(std::string_view key, Enum& chosen, std::span<const std::string_view> names) {
        if (const auto index = one_of(key, names)) chosen = static_cast<Enum>(*index);
    }

    /// The same for one that there is only if the file has it.
    template <class Enum>
    void choice(std::string_view key, std::optional<Enum>& chosen,
                std::span<const std::string_view> names) {
        if (const auto index = one_of(key, names)) chosen = static_cast<Enum>(*index);
    }
    void flag(std::string_view key, bool& value);
    /// A text, or a number, for `Value::parse`.
    template <class Value>
    void value(std::string_view key, Value& value, Need need = Need::optional) {
        const JsonValue* found = find_text_or_number(key, need);
        if (found == nullptr) return;
        auto parsed = Value::parse(found->whole ? found->source : std::string_view(found->text));
        if (parsed) {
            value = std::move(*parsed);
        } else {
            complain(key, parsed.error());
        }
    }
    /// Whether the key's text has a place of TopicTemplate in it.
    bool has_place(std::string_view key, bool written) const;

    /// A text for `Value::parse`, if it is there. A number without its unit is none: nobody should
    /// have to guess whether bits or bytes are meant.
    template <class Value>
    void amount(std::string_view key, std::optional<Value>& amount, Need need = Need::optional) {
        const auto accepts = [](const JsonValue& value) {
            return value.kind == JsonValue::Kind::string && Value::parse(value.text);
        };
        const JsonValue* value = find(key, need, accepts, Value::expected());
        if (value != nullptr) amount = *Value::parse(value->text);
    }

    /// An object inside; `visit(fields)` reads its fields.
    template <class Visit>
    void object(std::string_view key, Visit visit) {
        const JsonValue* value = find(key, Need::optional, JsonValue::Kind::object);
        if (value == nullptr) return;
        const std::size_t before = problems_.count();
        read_fields(*value, path_of(key), visit);
        if (problems_.count() != before) bad_.insert(key);
    }

    /// The same for an object that there is only if the file has it; `visit(fields, object)`.
    template <class Object, class Visit>
    void object(std::string_view key, std::optional<Object>& object, Visit visit) {
        this->object(key, [&](FieldReader& fields) { visit(fields, object.emplace()); });
    }

    /// An array of objects, required if it may not be empty; `visit(fields, item)` reads one.
    template <class Item, class Visit>
    void list(std::string_view key, std::vector<Item>& items, Range entries, Visit visit) {
        const auto read = [&](const JsonValue& element, const std::string& path) {
            Item& item = items.emplace_back();
            read_fields(element, path, [&](FieldReader& fields) { visit(fields, item); });
        };
        each(key, entries, JsonValue::Kind::object, read);
    }

    /// An array of texts, each for `Value::parse`. What `values` had gives way.
    template <class Value>
    void values(std::string_view key, std::vector<Value>& values, Range entries) {
        if (member(key) != nullptr) values.clear();
        const auto read = [&](const JsonValue& element, const std::string& path) {
            auto value = Value::parse(element.text);
            if (value) {
                values.push_back(std::move(*value));
            } else {
                problems_.add(element.source, path, value.error());
            }
        };
        each(key, entries, JsonValue::Kind::string, read);
    }

    /// The same for an array that there is only if the file has it.
    template <class Value>
    void values(std::string_view key, std::optional<std::vector<Value>>& list, Range entries) {
        std::vector<Value> read;
        values(key, read, entries);
        if (members_.contains(key)) list = std::move(read);
    }

    /// Demands an order between two fields (their values as read, or their defaults).
    template <class Number>
    void at_most(std::string_view low_key, Number low, std::string_view high_key, Number high) {
        if (low <= high) return;
        complain_of_order({low_key, "at most", std::to_string(low)},
                          {high_key, "at least", std::to_string(high)});
    }
    /// For other rules that join fields: they hold only where each field is fine by itself, and
    /// all that is in it.
    bool good(std::initializer_list<std::string_view> keys) const;
    const std::string& path() const { return path_; }
    /// Reports at a field, or at the object where the field is absent. An empty key is the object.
    void complain(std::string_view key, std::string what);
    /// The same for what is accepted.
    void warn(std::string_view key, std::string what);
    /// Whether the object lacks this key, which is known from now on.
    bool absent(std::string_view key);
    /// The same the other way round, of a key that a writer writes only where it is `given`.
    bool is_there(std::string_view key, [[maybe_unused]] bool given) { return !absent(key); }
    /// Of a key that was read: whether the file has it.
    bool has(std::string_view key) const { return members_.contains(key); }
    /// Whether the key is there and an object; to decide how it is read.
    bool is_object(std::string_view key, bool written);
    /// To be called last.
    void finish();

  private:
    /// The value of a key if it is there and acceptable; says what was `expected` if it is not, and
    /// what `hint` says of it.
    using Accepts = std::function<bool(const JsonValue& value)>;
    using Hint = std::string (*)(const JsonValue& value);
    const JsonValue* find(std::string_view key, Need need, const Accepts& accepts,
                          std::string_view expected, Hint hint = nullptr);
    const JsonValue* find(std::string_view key, Need need, JsonValue::Kind kind);
    const JsonValue* find_text_or_number(std::string_view key, Need need);
    std::optional<std::int64_t> whole_number(std::string_view key, Need need, Range range);
    std::optional<std::size_t> one_of(std::string_view key,
                                      std::span<const std::string_view> names);
    /// The array, if it is one with a permitted number of entries.
    const JsonValue* find_array(std::string_view key, Range entries);
    bool is_a(JsonValue::Kind kind, const JsonValue& element, const std::string& path);

    template <class Read>
    void each(std::string_view key, Range entries, JsonValue::Kind kind, Read read) {
        const JsonValue* array = find_array(key, entries);
        if (array == nullptr) return;
        const std::size_t before = problems_.count();
        for (std::size_t i = 0; i < array->elements.size(); ++i) {
            const JsonValue& element = array->elements[i];
            const std::string path = path_of(key) + "[" + std::to_string(i) + "]";
            if (is_a(kind, element, path)) read(element, path);
        }
        if (problems_.count() != before) bad_.insert(key);
    }
    template <class Visit>
    void read_fields(const JsonValue& object, const std::string& path, Visit visit) {
        FieldReader fields(object, path, problems_);
        visit(fields);
        fields.finish();
    }

    struct Bound {
        std::string_view key, words;
        std::string value;
    };
    void complain_of_order(const Bound& low, const Bound& high);
    std::string path_of(std::string_view key) const;
    std::string_view place_of(std::string_view key) const;
    /// The member of this key, or of one that differs in letter case only.
    const JsonMember* member(std::string_view key);

    std::string_view source_;
    std::string path_;
    Problems& problems_;
    std::map<std::string_view, const JsonMember*> members_;
    std::vector<std::string_view> known_;
    std::set<std::string_view> bad_;
    std::set<std::string_view> taken_;  ///< keys as written that are known in another letter case
};

}  // namespace inout
