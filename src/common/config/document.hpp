// The text of a configuration file as a tree that knows where in the text everything stands.
//
// The format is JSON (RFC 8259) with three allowances: `//` comments, `/* */` comments, and a comma
// after the last member or element. nlohmann/json decodes strings and numbers; the structure around
// them is read here, because it gives neither the positions nor the duplicate keys that good error
// messages need, and has no trailing commas. Pure, never throws, bounded in depth; the size of the
// text is the caller's to bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace inout {

struct JsonMember;

/// One value. `source` is where it begins in the parsed text, which must outlive the tree: the
/// whole of a string or number, the opening bracket of an object or array.
struct JsonValue {
    enum class Kind { null, boolean, number, string, array, object };

    Kind kind = Kind::null;
    std::string_view source;
    std::string text;                   ///< a string's value
    std::optional<std::int64_t> whole;  ///< a number's value, if written without fraction, exponent
    std::vector<JsonValue> elements;    ///< an array's
    std::vector<JsonMember> members;    ///< an object's, in the text's order, duplicates included
};

struct JsonMember {
    std::string key;
    std::string_view source;  ///< the key as written, with its quotes
    JsonValue value;
};

/// What is wrong with a text, and where: `where` is a part of it, empty at its end.
struct TextProblem {
    std::string_view where;
    std::string what;
};

/// Levels of objects and arrays; a configuration needs five.
inline constexpr std::size_t kJsonDepthMax = 16;

Result<JsonValue, TextProblem> parse_json_document(std::string_view text);

/// For messages: at most 40 bytes, not cut inside a character, with `…` where something is missing.
std::string shortened(std::string_view text);

}  // namespace inout
