// The checked reading of a configuration: problems with their places, and a reader of one object.
//
// FieldReader and FieldWriter (config.cpp) have the same members, so that one list of fields per
// program serves both directions. A field that is wrong is reported and keeps its default, and the
// reading goes on. Pure; lives on the caller's stack while one file is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.hpp"
#include "common/protocol/json_document.hpp"

namespace inout {

/// Collects what is wrong with one file. Remembers the first hundred and counts the others.
class Problems {
  public:
    Problems(std::string_view text, std::string_view file);

    /// `where` is a part of the text, `path` the JSON path that it belongs to (may be empty).
    void add(std::string_view where, std::string_view path, std::string what);
    bool empty() const { return found_.empty(); }
    std::size_t line_of(std::string_view where) const;

    /// `file:line:column: path: what`, in the text's order. Columns count characters, from 1.
    std::vector<std::string> lines();

  private:
    struct Problem {
        std::string_view where;
        std::string what;
    };
    std::string_view text_;
    std::string file_;
    std::vector<std::size_t> line_starts_;
    std::vector<Problem> found_;
    std::size_t omitted_ = 0;
};

/// The numbers that a key may have, ends included.
struct Range {
    std::int64_t min;
    std::int64_t max;
};

enum class Need { optional, required };

/// Reads the fields of one object by their keys. Every key that is asked for becomes a known one;
/// finish() reports the others.
class FieldReader {
  public:
    /// `path` names the object in messages; empty for the whole file.
    FieldReader(const JsonValue& object, std::string path, Problems& problems);

    void host(std::string_view key, std::string& host, Need need = Need::optional);
    void port(std::string_view key, std::uint16_t& port, std::uint16_t min, Need need);
    void topic(std::string_view key, std::string& topic);
    void duration(std::string_view key, Milliseconds& time, Range range_ms);

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

    /// An object inside; `visit(fields)` reads its fields.
    template <class Visit>
    void object(std::string_view key, Visit visit) {
        const JsonValue* value = find(key, Need::optional, JsonValue::Kind::object);
        if (value == nullptr) return;
        FieldReader fields(*value, path_of(key), problems_);
        visit(fields);
        fields.finish();
    }

    /// An array of 1 to `max` objects, required; `visit(fields, item)` reads one.
    template <class Item, class Visit>
    void list(std::string_view key, std::vector<Item>& items, std::size_t max, Visit visit) {
        const JsonValue* value = find(key, Need::required, JsonValue::Kind::array);
        if (value == nullptr) return;
        if (value->elements.empty() || value->elements.size() > max) {
            complain(key, "must have 1 to " + std::to_string(max) + " entries, not " +
                              std::to_string(value->elements.size()));
            return;
        }
        items.reserve(value->elements.size());
        for (const JsonValue& element : value->elements) {
            const std::string path = path_of(key) + "[" + std::to_string(items.size()) + "]";
            Item& item = items.emplace_back();
            if (!is_object(element, path)) continue;
            FieldReader fields(element, path, problems_);
            visit(fields, item);
            fields.finish();
        }
    }

    /// Demands an order between two fields (their values as read, or their defaults).
    void less(std::string_view low_key, std::int64_t low, std::string_view high_key,
              std::int64_t high);
    void at_most(std::string_view low_key, std::size_t low, std::string_view high_key,
                 std::size_t high);
    /// For other rules that join fields: they hold only where each field is fine by itself.
    bool good(std::initializer_list<std::string_view> keys) const;
    const std::string& path() const { return path_; }
    /// Reports at a field, or at the object where the field is absent. An empty key is the object.
    void complain(std::string_view key, std::string what);
    /// To be called last.
    void finish();

  private:
    /// The value of a key if it is there and acceptable; says what was `expected` if it is not.
    template <class Accepts>
    const JsonValue* find(std::string_view key, Need need, Accepts accepts,
                          const std::string& expected);
    const JsonValue* find(std::string_view key, Need need, JsonValue::Kind kind);
    std::optional<std::int64_t> whole_number(std::string_view key, Need need, Range range);
    std::optional<std::size_t> one_of(std::string_view key,
                                      std::span<const std::string_view> names);
    bool is_object(const JsonValue& element, const std::string& path);
    struct Bound {
        std::string_view key, words;
        std::string value;
    };
    void complain_of_order(const Bound& low, const Bound& high);
    std::string path_of(std::string_view key) const;

    std::string_view source_;
    std::string path_;
    Problems& problems_;
    std::map<std::string_view, const JsonMember*> members_;
    std::vector<std::string_view> known_;
    std::set<std::string_view> bad_;
};

}  // namespace inout
