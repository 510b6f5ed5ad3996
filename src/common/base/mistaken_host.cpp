#include "common/base/mistaken_host.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/base/limits.hpp"
#include "common/base/utf8.hpp"

namespace inout {
namespace {

constexpr std::size_t kShownBytes = 100;

bool is_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

/// Capitals of Latin, Greek and Cyrillic; the other scripts of host names have none.
std::uint32_t lowered(std::uint32_t c) {
    const auto in = [c](std::uint32_t first, std::uint32_t last) {
        return c >= first && c <= last;
    };
    if (in('A', 'Z') || (in(0xc0, 0xde) && c != 0xd7)) return c + 0x20;
    if (in(0x391, 0x3a9) || in(0x410, 0x42f)) return c + 0x20;
    if (in(0x400, 0x40f)) return c + 0x50;
    const bool even_capitals = in(0x100, 0x12f) || in(0x132, 0x137) || in(0x14a, 0x177);
    const bool odd_capitals = in(0x139, 0x148) || in(0x179, 0x17e);
    if ((even_capitals && c % 2 == 0) || (odd_capitals && c % 2 == 1)) return c + 1;
    return c;
}

/// RFC 3492, 6.3, with the parameters of section 5. `label` has a character that is not ASCII's.
std::string punycode(const std::vector<std::uint32_t>& label) {
    constexpr std::uint32_t kBase = 36, kMin = 1, kMax = 26, kSkew = 38, kDamp = 700;
    const auto digit = [](std::uint32_t d) {
        return static_cast<char>(d < 26 ? 'a' + d : '0' + (d - 26));
    };
    std::string out;
    for (const std::uint32_t c : label) {
        if (c < 0x80) out += static_cast<char>(c);
    }
    const auto basic = static_cast<std::uint32_t>(out.size());
    if (basic > 0) out += '-';
    std::uint32_t n = 0x80, delta = 0, bias = 72;
    const auto adapt = [&](std::uint32_t points, bool first) {
        delta = first ? delta / kDamp : delta / 2;
        delta += delta / points;
        std::uint32_t k = 0;
        for (; delta > (kBase - kMin) * kMax / 2; k += kBase) delta /= kBase - kMin;
        bias = k + (kBase - kMin + 1) * delta / (delta + kSkew);
    };
    // A label has at most 253 characters, so that nothing overflows.
    for (std::uint32_t done = basic; done < label.size();) {
        std::uint32_t next = 0x110000;
        for (const std::uint32_t c : label) {
            if (c >= n) next = std::min(next, c);
        }
        delta += (next - n) * (done + 1);
        n = next;
        for (const std::uint32_t c : label) {
            if (c < n) ++delta;
            if (c != n) continue;
            std::uint32_t rest = delta;
            for (std::uint32_t k = kBase;; k += kBase) {
                const std::uint32_t limit = k <= bias ? kMin : std::min(k - bias, kMax);
                if (rest < limit) break;
                out += digit(limit + (rest - limit) % (kBase - limit));
                rest = (rest - limit) / (kBase - limit);
            }
            out += digit(rest);
            adapt(done + 1, done == basic);
            delta = 0;
            ++done;
        }
        ++delta;
        ++n;
    }
    return out;
}

/// What an input method makes of an ASCII character (U+FF01–FF5E), and the full stop of Chinese.
char narrow(std::uint32_t c) {
    if (c == 0x3002) return '.';
    return c >= 0xff01 && c <= 0xff5e ? static_cast<char>(c - 0xfee0) : '\0';
}

/// The first character that has no place in a name of any script.
std::optional<std::string> check_letters(std::string_view text) {
    std::size_t character = 1;
    for (std::string_view rest = text; !rest.empty(); ++character) {
        const auto [value, bytes] = first_code_point(rest);
        const std::string place = " at character " + std::to_string(character);
        if (bytes == 0) return "is not UTF-8" + place;
        if (value >= 0x7f && !is_printable(value)) {
            return "holds " + name_of(value) + place + ", which can not be seen: remove it";
        }
        if (const char plain = narrow(value)) {
            return "holds " + name_of(value) + place + ": write '" + plain + "'";
        }
        rest.remove_prefix(bytes);
    }
    return std::nullopt;
}

/// "write …" for what remains of a text when all that is not host and port is gone.
std::string advice(std::string_view address, Expected expected) {
    address = address.substr(0, std::min(address.find_first_of("/?#"), kShownBytes));
    if (const auto at = address.rfind('@'); at != address.npos) address.remove_prefix(at + 1);
    const auto colon = address.rfind(':');
    const bool port = colon != address.npos && address.find(':') == colon;
    const std::string host(address.substr(0, port ? colon : address.npos));
    const std::string number(port ? address.substr(colon + 1) : "");
    if (host.empty()) return "write the host alone, as in relay.example.com";
    if (expected == Expected::host_and_port)
        return "write " + host + ":" + (port ? number : "PORT");
    if (!port) return "write " + host + " alone";
    return "write " + host + " as the host and " + number + " as the port";
}

std::string check_url(std::string_view text, std::size_t scheme_end, Expected expected) {
    const std::string_view scheme = text.substr(0, scheme_end);
    std::string_view rest = text.substr(scheme_end + 3);
    rest.remove_prefix(std::min(rest.find_first_not_of('/'), rest.size()));
    std::string problem = "is a URL: " + advice(rest, expected);
    if (scheme == "ws" || scheme == "wss") {
        return problem + "; a proxy behind a web server stands in \"servers\", with its whole URL";
    }
    const bool tls = scheme == "https" || scheme == "tls" || scheme == "ssl";
    if (tls) problem += "; TLS is turned on by \"tls\": {} in a file";
    return problem;
}

}  // namespace

std::optional<std::string> ascii_name(std::string_view name) {
    std::string out;
    while (true) {
        const auto dot = name.find('.');
        const std::string_view label = name.substr(0, dot);
        std::vector<std::uint32_t> letters;
        for (std::string_view rest = label; !rest.empty();) {
            const auto [value, bytes] = first_code_point(rest);
            const bool mark = value >= 0x300 && value <= 0x36f;
            if (bytes == 0 || mark || letters.size() > kLabelMaxBytes) return std::nullopt;
            letters.push_back(lowered(value));
            rest.remove_prefix(bytes);
        }
        std::string written = is_ascii(label) ? std::string(label) : "xn--" + punycode(letters);
        if (written.size() > kLabelMaxBytes) return std::nullopt;
        out += written;
        if (dot == name.npos) return out;
        out += '.';
        name.remove_prefix(dot + 1);
    }
}

std::optional<std::string> check_mistaken(std::string_view text, Expected expected) {
    if (auto problem = check_letters(text)) return problem;
    if (const auto scheme = text.find("://"); scheme != text.npos) {
        return check_url(text, scheme, expected);
    }
    if (text.starts_with('/') || text.starts_with("./") || text.starts_with("../") ||
        text.starts_with("unix:")) {
        return "is a path: inout connects by TCP, to a host and a port";
    }
    if (text.find('/') != text.npos) return "holds a '/': " + advice(text, expected);
    if (text.find('@') != text.npos) return "holds a user's name: " + advice(text, expected);
    if (is_ascii(text)) return std::nullopt;
    const auto port = text.rfind(':');
    const auto ascii = ascii_name(text.substr(0, port));
    if (!ascii) return "must be in ASCII: write the form of the name that begins with xn--";
    return "must be in ASCII: " +
           advice(*ascii + std::string(port == text.npos ? "" : text.substr(port)), expected);
}

}  // namespace inout
