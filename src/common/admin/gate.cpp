#include "common/admin/gate.hpp"

#include <algorithm>
#include <iterator>

#include "common/base/crypto.hpp"
#include "common/base/host_port.hpp"

namespace inout::admin {
namespace {

/// The host of a Host field (RFC 9110, 7.2): without brackets and port.
std::optional<std::string> host_of(std::string_view field) {
    std::string_view host = field, rest;
    if (field.starts_with('[')) {
        const auto end = field.find(']');
        if (end == field.npos) return std::nullopt;
        host = field.substr(1, end - 1);
        rest = field.substr(end + 1);
        if (host.find(':') == host.npos) return std::nullopt;
    } else if (const auto colon = field.find(':'); colon != field.npos) {
        host = field.substr(0, colon);
        rest = field.substr(colon);
    }
    const bool good_port = rest.empty() || (rest.front() == ':' && rest.size() <= 6 &&
                                            rest.find_first_not_of("0123456789", 1) == rest.npos);
    if (!good_port || check_host(host)) return std::nullopt;
    return canonical_host(host);
}

bool matches(std::string_view name, std::string_view host) {
    if (!name.starts_with("*.")) return name == host;
    const auto dot = host.find('.');
    return dot != host.npos && dot > 0 && host.substr(dot) == name.substr(1);
}

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// What a browser says of where a request comes from, if it does (Fetch Metadata).
bool is_wanted_by_user(const Request& request) {
    if (request.count("sec-fetch-site") == 0) return true;
    const auto site = request.field("sec-fetch-site");
    return site == "same-origin" || site == "none";
}

/// The token of an Authorization field (RFC 6750, 2.1); the scheme in any letter case.
std::optional<std::string_view> bearer(std::string_view field) {
    constexpr std::string_view kScheme = "bearer ";
    if (field.size() < kScheme.size()) return std::nullopt;
    for (std::size_t i = 0; i < kScheme.size(); ++i) {
        if (lower_case(field[i]) != kScheme[i]) return std::nullopt;
    }
    field.remove_prefix(kScheme.size());
    field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
    return field;
}

}  // namespace

bool Gate::knows(std::string_view host_field) const {
    const auto host = host_of(host_field);
    if (!host) return false;
    if (*host == "localhost" || *host == "127.0.0.1" || *host == "::1") return true;
    if (any_address && is_address_literal(*host)) return true;
    return std::any_of(hosts.begin(), hosts.end(),
                       [&host](const std::string& name) { return matches(name, *host); });
}

/// No page of a browser has sent it, or one that came from this very listener. A browser leaves the
/// port of the scheme out of both fields.
bool Gate::is_from_here(const Request& request) const {
    if (request.count("origin") == 0) return true;
    const auto origin = request.field("origin"), host = request.field("host");
    if (!origin || !host) return false;
    std::string own = over_tls ? "https://" : "http://";
    std::transform(host->begin(), host->end(), std::back_inserter(own), lower_case);
    return *origin == own;
}

std::optional<Answer> Gate::refuse(const Request& request, Purpose purpose) const {
    const bool acts = purpose == Purpose::acting;
    const std::size_t host_fields = request.count("host");
    if (host_fields > 1 || (host_fields == 0 && (acts || !request.is_1_0))) {
        return refusal(400, "one Host is needed");
    }
    // HTTP/1.0 needs none to read; a browser has always one.
    if (host_fields == 1 && !knows(*request.field("host"))) {
        return refusal(421, "this is nobody of that name");
    }
    if (!is_from_here(request)) return refusal(403, "no page of another place is answered");
    if (acts && !is_wanted_by_user(request)) return refusal(403, "a page of another place acts");
    if (acts && token.bytes().empty()) return refusal(403, "actions need admin.token_file");
    // The page is the same for everybody: what it shows it has to ask for, with the token.
    if (!acts && (!needs_token || request.path() == kPagePath)) return std::nullopt;
    const auto authorization = request.field("authorization");
    const auto shown = authorization ? bearer(*authorization) : std::nullopt;
    if (shown && equal_in_constant_time(*shown, token.bytes())) return std::nullopt;
    Answer answer = refusal(401, "a token is needed: Authorization: Bearer …");
    answer.more = "WWW-Authenticate: Bearer\r\n";
    return answer;
}

}  // namespace inout::admin
