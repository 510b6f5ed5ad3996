#include "common/config/via_options.hpp"

#include <algorithm>

namespace inout {
namespace {

/// Of each part of a login: what SOCKS5 has room for (RFC 1929, 2).
constexpr std::size_t kLoginPartMaxBytes = 255;

constexpr std::string_view kForm =
    "must be http://HOST:PORT or socks5://HOST:PORT, as in http://proxy.example.com:3128";

std::optional<unsigned> hexadecimal(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const auto high = hexadecimal(text[i + 1]), low = hexadecimal(text[i + 2]);
        if (!high || !low) return std::nullopt;
        decoded += static_cast<char>(*high << 4U | *low);
        i += 2;
    }
    return decoded;
}

std::optional<std::string> check_login_part(ForwardKind kind, std::string_view part) {
    if (part.size() > kLoginPartMaxBytes) {
        return "is too long: at most " + std::to_string(kLoginPartMaxBytes) + " bytes are allowed";
    }
    if (kind == ForwardKind::socks5 && part.empty()) return "must not be empty for SOCKS5";
    const bool has_control = std::any_of(part.begin(), part.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (has_control) return "must not hold control characters";
    return std::nullopt;
}

std::optional<ForwardKind> kind_of(std::string scheme) {
    for (char& c : scheme) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    if (scheme == "http") return ForwardKind::http;
    if (scheme == "socks5" || scheme == "socks5h") return ForwardKind::socks5;
    return std::nullopt;
}

/// USER or USER:PASSWORD into `url`; what is wrong with it.
std::optional<std::string> read_login(std::string_view text, ForwardUrl& url) {
    const std::size_t colon = std::min(text.find(':'), text.size());
    const auto user = percent_decoded(text.substr(0, colon));
    if (!user) return "has a user with a '%' that is no percent-encoding; write %25 for it";
    if (auto problem = check_forward_user(url.kind, *user)) return "has a user that " + *problem;
    url.user = *user;
    if (colon == text.size()) return std::nullopt;
    url.password = percent_decoded(text.substr(colon + 1));
    if (!url.password) return "has a password with a '%' that is no percent-encoding";
    if (auto problem = check_forward_password(url.kind, *url.password)) {
        return "has a password that " + *problem;
    }
    return std::nullopt;
}

}  // namespace

std::string to_string(const ForwardUrl& url) {
    return (url.kind == ForwardKind::http ? "http://" : "socks5://") + to_string(url.place);
}

Result<ForwardUrl, std::string> parse_forward_url(std::string_view text) {
    const std::size_t end = text.find("://");
    if (end == text.npos) return Failure{std::string(kForm)};
    const std::string_view scheme = text.substr(0, end);
    const auto kind = kind_of(std::string(scheme));
    if (!kind) {
        const bool https = scheme == "https" || scheme == "HTTPS";
        return Failure{std::string(kForm) +
                       (https ? "; a forward proxy that is itself reached over TLS is not known "
                                "here (TLS to the relay runs inside either of them)"
                              : "")};
    }
    ForwardUrl url{.kind = *kind, .place = {}, .user = {}};
    std::string_view rest = text.substr(end + 3);
    const std::size_t path = std::min(rest.find_first_of("/?#"), rest.size());
    if (rest.substr(path).size() > 1) return Failure{std::string(kForm) + ", with nothing behind"};
    rest = rest.substr(0, path);
    if (const std::size_t at = rest.rfind('@'); at != rest.npos) {
        if (auto problem = read_login(rest.substr(0, at), url)) return Failure{*problem};
        rest.remove_prefix(at + 1);
    }
    auto place = parse_host_port(rest);
    // What is wrong with it in detail would be shown together with it.
    if (!place) {
        const bool portless = !rest.empty() && !check_host(rest);
        return Failure{(portless ? "has no port; it " : "") + std::string(kForm)};
    }
    url.place = std::move(*place);
    return url;
}

std::optional<std::string> check_via(std::string_view text) {
    if (text == kViaEnvironment || text == kViaNone) return std::nullopt;
    auto url = parse_forward_url(text);
    if (!url) return url.error() + "; or \"env\", or \"off\"";
    if (url->password) {
        return "has a password in it, which does not belong there: write {\"url\": …, "
               "\"password_file\": …}";
    }
    return std::nullopt;
}

std::optional<std::string> check_forward_user(ForwardKind kind, std::string_view user) {
    if (user.empty()) return "must not be empty";
    if (user.find(':') != user.npos && kind == ForwardKind::http) {
        return "must not hold a ':' (RFC 7617, 2)";
    }
    return check_login_part(kind, user);
}

std::optional<std::string> check_forward_password(ForwardKind kind, std::string_view password) {
    return check_login_part(kind, password);
}

ForwardInEnvironment forward_in_environment(ReadVariable read) {
    const auto value = [&](const char* name) {
        const char* const text = read(name);
        return std::string(text != nullptr ? text : "");
    };
    ForwardInEnvironment found;
    for (const char* const name : {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) {
        found.url = value(name);
        if (found.url.empty()) continue;
        found.variable = name;
        if (found.url.find("://") == std::string::npos) found.url.insert(0, "http://");
        break;
    }
    found.exceptions = value("no_proxy");
    if (found.exceptions.empty()) found.exceptions = value("NO_PROXY");
    return found;
}

}  // namespace inout
