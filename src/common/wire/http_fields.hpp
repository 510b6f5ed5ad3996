// The fields of an HTTP/1 request or answer (RFC 9112, 2.1 and 5), read strictly: lines end with
// CRLF, nothing is folded, and what may be read in two ways is refused, for that is how requests
// are smuggled (11.2).
//
// For heads that a stream follows; requests to the admin listener are read by http-parser
// (admin/request). Pure; what is returned borrows from the text. Any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "common/base/result.hpp"

namespace inout {

/// Of a head, with the empty line at its end, and how many fields that may have: what servers take
/// by default.
inline constexpr std::size_t kHttpHeadMaxBytes = 8'192, kHttpFieldsMax = 100;

struct HttpField {
    std::string_view name, value;  ///< the value without blanks around it
};

/// Names are looked for in any letter case.
struct HttpFields {
    std::vector<HttpField> all;

    std::size_t count(std::string_view name) const;
    /// The first one's value; nothing: there is none.
    std::optional<std::string_view> first(std::string_view name) const;
    /// The last one's; empty: there is none.
    std::string_view last(std::string_view name) const;
    /// Whether the fields of this name, which are lists, have this word in any letter case.
    bool lists(std::string_view name, std::string_view word) const;
};

/// How long the head is that `bytes` begin with, its empty line included; nothing: it is not whole.
std::optional<std::size_t> http_head_size(std::string_view bytes);
/// Takes the next line off `text`, its CRLF too. Nothing: there is none.
std::optional<std::string_view> take_http_line(std::string_view& text);
/// Whether a line may be part of a head: there are no control characters in it.
bool is_http_line(std::string_view line);

enum class HttpFieldsProblem {
    malformed,
    too_many,  ///< more than kHttpFieldsMax
};
/// Takes the fields off `text`, with the empty line that ends them.
Result<HttpFields, HttpFieldsProblem> take_http_fields(std::string_view& text);

}  // namespace inout
