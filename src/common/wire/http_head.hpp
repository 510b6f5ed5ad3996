// The head of an HTTP/1 request (RFC 9112, 2 to 5): its first line and its fields, strictly.
//
// A proxy needs to know where the head ends, who is asked for and with what credentials, and
// nothing of what follows. So this is no HTTP parser: http-parser (admin/request) reads on into a
// content, which here is the stream's, keeps no bytes to pass on, and is lenient where a proxy must
// not be. Pure; any thread. The views live as long as the text.
#pragma once

#include <string_view>

#include "common/base/result.hpp"
#include "common/wire/forward_request.hpp"
#include "common/wire/http_fields.hpp"

namespace inout {

struct HttpHead {
    std::string_view method, target;
    HttpFields fields;
};

/// Reads a whole head, which ends with its empty line. Each line ends with CRLF, a field's name is
/// a token with the colon behind it, no line is folded, and nothing has control characters.
Result<HttpHead, ForwardFailure> parse_http_head(std::string_view text);

/// What a head asks a proxy for, with all but `user` filled in.
Result<ForwardRequest, ForwardFailure> request_of(const HttpHead& head);

}  // namespace inout
