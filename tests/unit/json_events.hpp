// The events that a reader of JSON gives, as one text, so that two readers can be compared.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/wire/plain_json.hpp"

namespace inout {

struct JsonEvents {
    std::string log;

    bool note(std::string_view what) {
        log.append(what).push_back('\n');
        return true;
    }
    bool null() { return note("null"); }
    bool boolean(bool value) { return note(value ? "true" : "false"); }
    bool number_integer(std::int64_t value) { return note("integer " + std::to_string(value)); }
    bool number_unsigned(std::uint64_t value) { return note("natural " + std::to_string(value)); }
    bool number_float(double, std::string_view) { return note("float"); }
    bool binary(nlohmann::json::binary_t&) { return note("binary"); }
    bool string(std::string_view value) { return note("string " + std::string(value)); }
    bool key(std::string_view value) { return note("key " + std::string(value)); }
    bool start_object(std::size_t) { return note("{"); }
    bool end_object() { return note("}"); }
    bool start_array(std::size_t) { return note("["); }
    bool end_array() { return note("]"); }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) {
        return false;
    }
};

/// Whether the text is plain JSON; then the library must accept it too, with the same events.
/// Nothing if they differ.
inline std::optional<bool> is_plain_and_same(std::string_view text) {
    JsonEvents plain, library;
    if (!PlainJson(text, plain).parse()) return false;
    if (!nlohmann::json::sax_parse(text, &library) || plain.log != library.log) return std::nullopt;
    return true;
}

}  // namespace inout
