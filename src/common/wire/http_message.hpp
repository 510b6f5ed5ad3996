// The head of a request or of an answer over HTTP/1.1 (RFC 9112), read strictly: lines end with
// CRLF, nothing is folded, and what may be read in two ways is refused.
//
// For the opening handshake of WebSocket alone, which is one head each way and no body; requests to
// the admin listener are read by http-parser (admin/request). Pure functions; what they return
// borrows from the text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.hpp"

namespace inout {

struct HttpMessageHead {
    std::string_view start;  ///< the first line
    std::vector<std::pair<std::string_view, std::string_view>> fields;

    /// How often there is such a field, in any letter case.
    std::size_t count(std::string_view name) const;
    /// The last one of this name; empty: there is none.
    std::string_view last(std::string_view name) const;
    /// Whether the fields of this name, which are lists, have this word in any letter case.
    bool lists(std::string_view name, std::string_view word) const;
};

/// How long the head is that `bytes` begin with, its empty line included; nothing: it is not whole.
std::optional<std::size_t> message_head_size(std::string_view bytes);
/// Of a whole head. The failure says what is wrong with it.
Result<HttpMessageHead, std::string> parse_message_head(std::string_view head);

}  // namespace inout
