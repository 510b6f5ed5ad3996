#include "common/wire/http_head.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "common/wire/http_text.hpp"

namespace inout {
namespace {

constexpr std::uint16_t kHttpPort = 80;

bool is_target(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// HOST:PORT, or HOST alone where there is a port that is meant then.
std::optional<HostPort> authority(std::string_view text, std::optional<std::uint16_t> port) {
    const bool has_port = text.rfind(':') != text.npos && !text.ends_with(']');
    std::string whole(text);
    if (!has_port) {
        if (!port) return std::nullopt;
        whole += ':' + std::to_string(*port);
    }
    const auto parsed = parse_host_port(whole);
    if (!parsed) return std::nullopt;
    return forward_target(parsed.value().host, parsed.value().port);
}

}  // namespace

Result<HttpHead, ForwardFailure> parse_http_head(std::string_view text) {
    HttpHead head;
    const auto first = take_http_line(text);
    if (!first) return Failure{ForwardFailure::malformed};
    const auto space = first->find(' '), last = first->rfind(' ');
    if (space == first->npos || space == last) return Failure{ForwardFailure::malformed};
    head.method = first->substr(0, space);
    head.target = first->substr(space + 1, last - space - 1);
    const std::string_view version = first->substr(last + 1);
    if (!is_http_token(head.method) || !is_target(head.target) || !version.starts_with("HTTP/")) {
        return Failure{ForwardFailure::malformed};
    }
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return Failure{ForwardFailure::version};
    auto fields = take_http_fields(text);
    if (!fields) {
        return Failure{fields.error() == HttpFieldsProblem::too_many ? ForwardFailure::too_long
                                                                     : ForwardFailure::malformed};
    }
    head.fields = std::move(*fields);
    if (!text.empty()) return Failure{ForwardFailure::malformed};
    return head;
}

Result<ForwardRequest, ForwardFailure> request_of(const HttpHead& head) {
    ForwardRequest request{.protocol = ForwardProtocol::http};
    request.method = head.method;
    const Failure malformed{ForwardFailure::malformed};
    if (head.fields.count("host") > 1) return malformed;  // RFC 9112, 3.2
    const auto content = HttpContent::of(head.fields);
    if (head.method == "CONNECT") {
        const auto target = authority(head.target, std::nullopt);
        // Who sends a content would have it taken for the stream's first bytes.
        if (!target || !content || !content->is_over()) return malformed;
        request.target = *target;
        return request;
    }
    if (head.target.starts_with('/')) {
        request.kind = ForwardRequest::Kind::path;
        request.path = head.target;
        return request;
    }
    constexpr std::string_view kScheme = "http://";
    if (!is_same_word(head.target.substr(0, kScheme.size()), kScheme)) return malformed;
    const std::string_view rest = head.target.substr(kScheme.size());
    const auto end = std::min(rest.find_first_of("/?#"), rest.size());
    const auto target = authority(rest.substr(0, end), kHttpPort);
    if (!target || !content || rest.find('#') != rest.npos) return malformed;
    request.kind = ForwardRequest::Kind::absolute;
    request.content = *content;
    request.target = *target;
    request.path = rest.substr(end);
    if (!request.path.starts_with('/')) request.path.insert(0, 1, '/');
    return request;
}

}  // namespace inout
