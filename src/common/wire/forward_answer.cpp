#include "common/wire/forward_answer.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "common/base/address_range.hpp"
#include "common/wire/http_head.hpp"
#include "common/wire/http_text.hpp"

namespace inout {
namespace {

constexpr char kExitVersion = 5, kExitMethod = 0, kExitConnect = 1;
constexpr char kExitIpv4 = 1, kExitName = 3, kExitIpv6 = 4;
constexpr std::size_t kExitMethodBytes = 2, kExitHeadBytes = 4, kExitPortBytes = 2;

/// RFC 1928, 6.
ForwardFailure failure_of_reply(char reply) {
    switch (reply) {
        case 2: return ForwardFailure::not_allowed;
        case 3: return ForwardFailure::unreachable;
        case 4: return ForwardFailure::unresolved;
        case 5: return ForwardFailure::refused;
        case 6: return ForwardFailure::timeout;
        default: return ForwardFailure::general;
    }
}

/// The names between commas in the fields "connection", in lower case. Strangers may list
/// thousands.
std::set<std::string> named_by_connection(const HttpHead& head) {
    std::set<std::string> names;
    for (const HttpField& field : head.fields.all) {
        if (!is_same_word(field.name, "connection")) continue;
        std::string list = in_lower_case(field.value);
        std::erase_if(list, [](char each) { return each == ' ' || each == '\t'; });
        for (std::string_view left = list; !left.empty();) names.emplace(take_list_item(left));
    }
    return names;
}

/// Those between two neighbours, and those that we write. What says how long the content is goes on
/// in any case: without it the content would be another request.
bool goes_on(const std::set<std::string>& named, std::string_view name) {
    constexpr std::array<std::string_view, 2> kAlways{"content-length", "transfer-encoding"};
    constexpr std::array<std::string_view, 8> kNever{
        "host", "connection", "keep-alive",          "proxy-connection",
        "te",   "upgrade",    "proxy-authorization", "proxy-authenticate"};
    const auto is_it = [name](std::string_view each) { return is_same_word(name, each); };
    if (std::ranges::any_of(kAlways, is_it)) return true;
    return std::ranges::none_of(kNever, is_it) && !named.contains(in_lower_case(name));
}

}  // namespace

ForwardFailure forward_failure_of(Code code) {
    switch (code) {
        case Code::no_topic:
        case Code::backend_unresolved: return ForwardFailure::unresolved;
        case Code::no_out:
        case Code::unready:
        case Code::draining:
        case Code::no_directory:
        case Code::proxy_unreachable:
        case Code::proxy_gone: return ForwardFailure::unreachable;
        case Code::backend_refused: return ForwardFailure::refused;
        case Code::open_timeout:
        case Code::backend_timeout: return ForwardFailure::timeout;
        case Code::denied: return ForwardFailure::not_allowed;
        case Code::quota:
        case Code::limit:
        case Code::penalised: return ForwardFailure::limit;
        case Code::none:
        case Code::clock:
        case Code::e2e:
        case Code::version:
        case Code::malformed:
        case Code::unknown:
        case Code::client_gone:
        case Code::in_gone: break;
    }
    return ForwardFailure::general;
}

std::string socks5_request(const HostPort& target) {
    std::string request{kExitVersion, 1, kExitMethod, kExitVersion, kExitConnect, 0};
    const auto address = IpAddress::parse(target.host);
    if (address) {
        const auto& bytes = address->bytes;
        const bool is_v4 = target.host.find(':') == std::string::npos;
        request += is_v4 ? kExitIpv4 : kExitIpv6;
        request.append(bytes.begin() + (is_v4 ? 12 : 0), bytes.end());
    } else {
        request += kExitName;
        request += static_cast<char>(target.host.size());
        request += target.host;
    }
    request += static_cast<char>(target.port >> 8);
    request += static_cast<char>(target.port & 0xff);
    return request;
}

std::size_t socks5_answer_bytes(std::string_view so_far) {
    // A refused method is all that its server says.
    if (so_far.size() < kExitMethodBytes) return kExitMethodBytes;
    if (so_far[0] != kExitVersion || so_far[1] != kExitMethod) return kExitMethodBytes;
    const std::size_t head = kExitMethodBytes + kExitHeadBytes;
    if (so_far.size() < head) return head;
    switch (so_far[head - 1]) {
        case kExitIpv4: return head + 4 + kExitPortBytes;
        case kExitIpv6: return head + 16 + kExitPortBytes;
        case kExitName: break;
        default: return head;
    }
    if (so_far.size() == head) return head + 1;
    return head + 1 + static_cast<unsigned char>(so_far[head]) + kExitPortBytes;
}

std::optional<ForwardFailure> socks5_answer_failure(std::string_view answers) {
    const std::size_t head = kExitMethodBytes + kExitHeadBytes;
    if (answers.size() <= head || answers[kExitMethodBytes] != kExitVersion) {
        return ForwardFailure::general;
    }
    const char reply = answers[kExitMethodBytes + 1];
    return reply == 0 ? std::nullopt : std::optional(failure_of_reply(reply));
}

std::string origin_request(const ForwardRequest& request) {
    const auto parsed = parse_http_head(request.head);
    if (!parsed) return {};  // it was read before
    const HttpHead& head = *parsed;
    const bool is_default = request.target.port == 80;
    std::string host = to_string(request.target);
    if (is_default) host.resize(host.rfind(':'));
    // The client's own version: of an answer to another one it may not know where it ends.
    const std::string_view first =
        std::string_view(request.head).substr(0, request.head.find('\r'));
    std::string text = request.method + " " + request.path;
    text.append(first.substr(first.rfind(' '))).append("\r\nHost: " + host + "\r\n");
    const std::set<std::string> named = named_by_connection(head);
    for (const HttpField& field : head.fields.all) {
        if (!goes_on(named, field.name)) continue;
        text.append(field.name).append(": ").append(field.value).append("\r\n");
    }
    return text + "Connection: close\r\n\r\n";
}

}  // namespace inout
