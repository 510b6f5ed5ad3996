#include "common/wire/http_head.hpp"

#include <algorithm>
#include <cstdint>

#include "common/wire/http_text.hpp"

namespace inout {
namespace {

constexpr std::uint16_t kHttpPort = 80;

bool is_field_value(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= ' ' && c != 0x7f);
    });
}

bool is_target(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

/// Takes the next line off `text`, its CRLF too. Nothing: there is none.
std::optional<std::string_view> next_line(std::string_view& text) {
    const auto end = text.find("\r\n");
    if (end == text.npos) return std::nullopt;
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 2);
    return line;
}

std::optional<HttpField> field_of(std::string_view line) {
    const auto colon = line.find(':');
    if (colon == line.npos || !is_http_token(line.substr(0, colon))) return std::nullopt;
    const std::string_view value = without_blanks(line.substr(colon + 1));
    if (!is_field_value(value)) return std::nullopt;
    return HttpField{line.substr(0, colon), value};
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

std::size_t HttpHead::count(std::string_view name) const {
    return static_cast<std::size_t>(
        std::count_if(fields.begin(), fields.end(),
                      [name](const HttpField& field) { return is_same_word(field.name, name); }));
}

std::optional<std::string_view> HttpHead::field(std::string_view name) const {
    for (const HttpField& field : fields) {
        if (is_same_word(field.name, name)) return field.value;
    }
    return std::nullopt;
}

Result<HttpHead, ForwardFailure> parse_http_head(std::string_view text) {
    HttpHead head;
    const auto first = next_line(text);
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
    while (true) {
        const auto line = next_line(text);
        if (!line) return Failure{ForwardFailure::malformed};
        if (line->empty()) break;
        const auto field = field_of(*line);
        if (!field) return Failure{ForwardFailure::malformed};
        if (head.fields.size() == kForwardFieldsMax) return Failure{ForwardFailure::too_long};
        head.fields.push_back(*field);
    }
    if (!text.empty()) return Failure{ForwardFailure::malformed};
    return head;
}

Result<ForwardRequest, ForwardFailure> request_of(const HttpHead& head) {
    ForwardRequest request{.protocol = ForwardProtocol::http};
    request.method = head.method;
    const Failure malformed{ForwardFailure::malformed};
    if (head.count("host") > 1) return malformed;  // RFC 9112, 3.2
    if (head.method == "CONNECT") {
        const auto target = authority(head.target, std::nullopt);
        // Who sends a content would have it taken for the stream's first bytes.
        const bool has_content = head.count("transfer-encoding") > 0 ||
                                 (head.field("content-length").value_or("0") != "0");
        if (!target || has_content) return malformed;
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
    if (!target || rest.find('#') != rest.npos) return malformed;
    request.kind = ForwardRequest::Kind::absolute;
    request.target = *target;
    request.path = rest.substr(end);
    if (!request.path.starts_with('/')) request.path.insert(0, 1, '/');
    return request;
}

}  // namespace inout
