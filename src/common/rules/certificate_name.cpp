#include "common/rules/certificate_name.hpp"

#include <algorithm>
#include <utility>

#include "common/base/limits.hpp"
#include "common/rules/topic.hpp"

namespace inout {
namespace {

using NameKind = CertificateName::Kind;

constexpr std::pair<NameKind, std::string_view> kKindPrefixes[] = {{NameKind::dns, "dns:"},
                                                                   {NameKind::email, "email:"},
                                                                   {NameKind::uri, "uri:"},
                                                                   {NameKind::common_name, "cn:"}};

bool has_prefix(std::string_view text, std::string_view prefix) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return text.size() >= prefix.size() &&
           std::equal(prefix.begin(), prefix.end(), text.begin(),
                      [&](char wanted, char given) { return wanted == lower(given); });
}

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }

bool is_visible_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool is_dns_name(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return is_ascii_letter(c) || is_ascii_digit(c) || c == '-' || c == '_' || c == '.' ||
               c == '*';
    });
}

/// RFC 5280, 4.2.1.6: a mailbox without a name or comment around it.
bool is_email(std::string_view text) {
    const auto at = text.rfind('@');
    return at != text.npos && at > 0 && at + 1 < text.size() && is_visible_ascii(text) &&
           text.find(':') == text.npos;
}

/// RFC 3986, 3.1: a scheme, a colon, and something behind it.
bool is_uri(std::string_view text) {
    const auto colon = text.find(':');
    const std::string_view scheme = text.substr(0, std::min(colon, text.size()));
    return colon != text.npos && colon + 1 < text.size() && is_visible_ascii(text) &&
           !scheme.empty() && is_ascii_letter(scheme.front()) &&
           std::all_of(scheme.begin(), scheme.end(), [](char c) {
               return is_ascii_letter(c) || is_ascii_digit(c) || c == '+' || c == '-' || c == '.';
           });
}

}  // namespace

std::string to_string(const CertificateName& name) {
    for (const auto& [kind, prefix] : kKindPrefixes) {
        if (kind == name.kind) return std::string(prefix) + name.text;
    }
    return name.text;
}

std::vector<CertificateName> names_of_entry(std::string_view entry) {
    for (const auto& [kind, prefix] : kKindPrefixes) {
        if (has_prefix(entry, prefix)) {
            return {{kind, std::string(entry.substr(prefix.size()))}};
        }
    }
    const std::string text(entry);
    if (text.find(':') != text.npos) return {{NameKind::uri, text}};
    if (text.find('@') != text.npos) return {{NameKind::email, text}};
    return {{NameKind::dns, text}, {NameKind::common_name, text}};
}

std::optional<std::string> check_certificate_entry(std::string_view entry) {
    if (auto problem = check_topic(entry)) return problem;
    const auto names = names_of_entry(entry);
    if (names.size() > 1 || is_plausible(names.front())) return std::nullopt;
    switch (names.front().kind) {
        case NameKind::dns:
            return "is no DNS name: letters, digits, \"-\", \"_\" and \".\" behind \"dns:\"";
        case NameKind::email:
            return "is no e-mail address; if it is the CN of a certificate, write \"cn:\" before "
                   "it";
        case NameKind::uri:
            return "is no URI; if it is the CN of a certificate, write \"cn:\" before it";
        case NameKind::common_name: break;
    }
    return "needs a name behind \"cn:\"";
}

bool is_plausible(const CertificateName& name) {
    if (name.text.empty() || name.text.size() > kTopicMaxBytes) return false;
    switch (name.kind) {
        case NameKind::dns: return is_dns_name(name.text);
        case NameKind::email: return is_email(name.text);
        case NameKind::uri: return is_uri(name.text);
        case NameKind::common_name: break;
    }
    return !check_topic(name.text);
}

}  // namespace inout
