#include "common/config/text_hints.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "common/base/utf8.hpp"

namespace inout {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(kBlanks);
    if (first == text.npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

bool is_word(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-' || c == '.';
    });
}

/// UTF-16 and UTF-32 by their byte order marks, or by the zero bytes beside ASCII's.
std::optional<std::string> other_encoding(std::string_view text) {
    const auto begins = [text](std::string_view bytes) { return text.starts_with(bytes); };
    const auto named = [](const char* name) {
        return "this is " + std::string(name) + ": save the file as UTF-8";
    };
    if (begins({"\xff\xfe\0\0", 4}) || begins({"\0\0\xfe\xff", 4})) return named("UTF-32");
    if (begins("\xff\xfe") || begins("\xfe\xff")) return named("UTF-16");
    const auto zero = [text](std::size_t at) { return at < text.size() && text[at] == '\0'; };
    if (text.size() >= 2 && zero(0) != zero(1)) return named("UTF-16");
    if (begins("\x1f\x8b")) return "this is a gzip file: unpack it first";
    if (text.substr(0, 4'096).find('\0') != text.npos) return "this is no text";
    return std::nullopt;
}

enum class Syntax { unknown, yaml, toml, ini, nginx };

/// Of one line without its comment; JSON's own punctuation at its beginning says nothing.
Syntax syntax_of(std::string_view line) {
    if (line == "---" || line.starts_with("- ")) return Syntax::yaml;
    if (line.starts_with("[[") && line.ends_with("]]")) return Syntax::toml;
    if (line.starts_with('[') && line.ends_with(']') && is_word(line.substr(1, line.size() - 2))) {
        return Syntax::ini;
    }
    const auto name_end = line.find_first_of(" \t:=");
    if (name_end == line.npos || !is_word(line.substr(0, name_end))) return Syntax::unknown;
    const std::string_view rest = trimmed(line.substr(name_end));
    if (line.ends_with(';') || (line.ends_with('{') && rest.find_first_of(":=") == rest.npos)) {
        return Syntax::nginx;
    }
    if (rest.starts_with('=')) {
        const std::string_view value = trimmed(rest.substr(1));
        const bool quoted = value.starts_with('"') || value.starts_with('[');
        return quoted ? Syntax::toml : Syntax::ini;
    }
    const bool pair = rest == ":" || rest.starts_with(": ");
    // As in JSON5, whose keys need no quotes: that is JSON with a mistake.
    return pair && !line.ends_with(',') ? Syntax::yaml : Syntax::unknown;
}

}  // namespace

std::optional<std::string> other_format(std::string_view text) {
    if (auto encoding = other_encoding(text)) return encoding;
    if (text.find_first_not_of(" \t\r\n") == text.npos) return "the file is empty";
    const auto named = [](const char* name) {
        return "this is not JSON: it looks like " + std::string(name) +
               "; the programs read JSON only, { \"key\": value, … }";
    };
    Syntax first = Syntax::unknown;
    bool section = false;
    for (unsigned lines = 0; lines < 50 && !text.empty(); ++lines) {
        const auto end = std::min(text.find('\n'), text.size());
        const std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line[0] == '#' || line.starts_with("//") || line[0] == ';') continue;
        if (line.starts_with("-----BEGIN")) return named("a PEM file, a certificate or a key");
        if (line.starts_with('<')) return named("XML or HTML");
        const Syntax syntax = syntax_of(line);
        if (first == Syntax::unknown && !section) {
            if (syntax == Syntax::unknown) return std::nullopt;
            section = syntax == Syntax::ini && line.starts_with('[');
            first = syntax;
            if (!section) break;
        } else if (syntax == Syntax::toml) {
            first = Syntax::toml;  // sections are common to both
            break;
        }
    }
    switch (first) {
        case Syntax::yaml: return named("YAML");
        case Syntax::toml: return named("TOML");
        case Syntax::ini: return named("an INI file");
        case Syntax::nginx: return named("a configuration of nginx");
        case Syntax::unknown: break;
    }
    return std::nullopt;
}

std::optional<char> typed_for(char32_t c) {
    struct Pair {
        char32_t typed;
        char meant;
    };
    static constexpr std::array<Pair, 21> kPairs{
        {{U'\'', '"'},     {U'`', '"'},      {U'\u00ab', '"'}, {U'\u00bb', '"'}, {U'\u2018', '"'},
         {U'\u2019', '"'}, {U'\u201a', '"'}, {U'\u201c', '"'}, {U'\u201d', '"'}, {U'\u201e', '"'},
         {U'\u201f', '"'}, {U'\u300c', '"'}, {U'\u300d', '"'}, {U'\u2010', '-'}, {U'\u2011', '-'},
         {U'\u2013', '-'}, {U'\u2014', '-'}, {U'\u2212', '-'}, {U'\u3001', ','}, {U'\u3010', '['},
         {U'\u3011', ']'}}};
    for (const auto& [typed, meant] : kPairs) {
        if (c == typed) return meant;
    }
    if (c >= 0xff01 && c <= 0xff5e) return static_cast<char>(c - 0xfee0);
    const bool wide = c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
                      c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
    if (wide) return ' ';
    if (c >= 0x7f && !is_printable(c)) return '\0';
    return std::nullopt;
}

std::string found(std::string_view here) {
    if (here.empty()) return "found the end of the file";
    const auto [value, bytes] = first_code_point(here);
    if (bytes == 0) {
        static constexpr char kDigits[] = "0123456789abcdef";
        const auto byte = static_cast<unsigned char>(here[0]);
        return std::string("found the byte 0x") + kDigits[byte >> 4U] + kDigits[byte & 15U] +
               ", which is not UTF-8";
    }
    std::string text = "found ";
    if (value > 0x20 && value < 0x7f) {
        text += std::string("'") + here[0] + "'";
        if (value == '#') return text + ": a comment begins with //";
    } else if (value < 0x20) {
        return text + "the control character " + name_of(value);
    } else {
        text += name_of(value);
        if (is_printable(value)) text += std::string(" ") + std::string(here.substr(0, bytes));
    }
    const auto meant = typed_for(value);
    if (!meant) return text;
    if (*meant == '\0') return text + ", which can not be seen: remove it";
    if (*meant == ' ') return text + ": write an ordinary space instead";
    return text + ": write " + *meant + " instead";
}

}  // namespace inout
