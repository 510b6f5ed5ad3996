#include "common/base/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

namespace inout {
namespace {

struct Span {
    std::uint32_t first, last;
};

/// Beside ASCII's controls. Unicode 15: the general categories Cc, Cf, Zl, Zp, Zs without U+0020,
/// and the property Default_Ignorable_Code_Point.
constexpr Span kUnseen[] = {
    {0x7f, 0xa0},        // DEL, C1 controls, no-break space
    {0xad, 0xad},        // soft hyphen
    {0x34f, 0x34f},      // combining grapheme joiner
    {0x600, 0x605},      // Arabic number signs, which enclose what follows
    {0x61c, 0x61c},      // Arabic letter mark
    {0x6dd, 0x6dd},      // Arabic end of ayah
    {0x70f, 0x70f},      // Syriac abbreviation mark
    {0x890, 0x891},      // Arabic pound and piastre marks
    {0x8e2, 0x8e2},      // Arabic disputed end of ayah
    {0x115f, 0x1160},    // Hangul fillers
    {0x1680, 0x1680},    // Ogham space
    {0x17b4, 0x17b5},    // Khmer inherent vowels
    {0x180b, 0x180f},    // Mongolian variation selectors
    {0x2000, 0x200f},    // spaces, zero width characters, direction marks
    {0x2028, 0x202f},    // separators, bidirectional marks, narrow no-break space
    {0x205f, 0x206f},    // mathematical space, word joiner, invisible operators, isolates
    {0x2800, 0x2800},    // Braille blank
    {0x3000, 0x3000},    // ideographic space
    {0x3164, 0x3164},    // Hangul filler
    {0xfe00, 0xfe0f},    // variation selectors
    {0xfeff, 0xfeff},    // byte order mark
    {0xffa0, 0xffa0},    // halfwidth Hangul filler
    {0xfff0, 0xfffb},    // interlinear annotation
    {0xfffe, 0xffff},    // no characters at all
    {0x110bd, 0x110bd},  // Kaithi number signs
    {0x110cd, 0x110cd}, {0x13430, 0x1343f},  // Egyptian joiners
    {0x1bca0, 0x1bca3},                      // shorthand format controls
    {0x1d173, 0x1d17a},                      // musical format controls
    {0xe0000, 0xe0fff},                      // tags, more variation selectors
};

struct Name {
    std::uint32_t value;
    std::string_view name;
};
/// Those that editors, word processors and input methods put into configurations.
constexpr Name kNames[] = {
    {0xa0, "no-break space"},
    {0xad, "soft hyphen"},
    {0x200b, "zero width space"},
    {0x200c, "zero width non-joiner"},
    {0x200d, "zero width joiner"},
    {0x200e, "left-to-right mark"},
    {0x200f, "right-to-left mark"},
    {0x2013, "en dash"},
    {0x2014, "em dash"},
    {0x2018, "left single quotation mark"},
    {0x2019, "right single quotation mark"},
    {0x201c, "left double quotation mark"},
    {0x201d, "right double quotation mark"},
    {0x201e, "double low quotation mark"},
    {0x2028, "line separator"},
    {0x202e, "right-to-left override"},
    {0x202f, "narrow no-break space"},
    {0x2060, "word joiner"},
    {0x2212, "minus sign"},
    {0x3000, "ideographic space"},
    {0xfe0f, "variation selector"},
    {0xfeff, "byte order mark"},
    {0xff02, "fullwidth quotation mark"},
    {0xff0c, "fullwidth comma"},
    {0xff0e, "fullwidth full stop"},
    {0xff1a, "fullwidth colon"},
    {0xff3b, "fullwidth left square bracket"},
    {0xff3d, "fullwidth right square bracket"},
    {0xff5b, "fullwidth left curly bracket"},
    {0xff5d, "fullwidth right curly bracket"},
};

}  // namespace

CodePoint first_code_point(std::string_view text) {
    const auto byte = [&](std::size_t i) {
        return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
    };
    const std::uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};

    struct Form {
        std::uint32_t lead_mask, lead_bits, least;  // `least`: what no shorter form can say
    };
    static constexpr std::array<Form, 3> kForms{
        {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}}};
    for (std::size_t more = 1; more <= kForms.size(); ++more) {
        const Form& form = kForms[more - 1];
        if ((lead & form.lead_mask) != form.lead_bits) continue;
        std::uint32_t value = lead & ~form.lead_mask;
        for (std::size_t i = 1; i <= more; ++i) {
            if ((byte(i) & 0xc0U) != 0x80) return {0, 0};
            value = value << 6U | (byte(i) & 0x3fU);
        }
        const bool surrogate = value >= 0xd800 && value <= 0xdfff;
        if (value < form.least || surrogate || value > 0x10ffff) return {0, 0};
        return {value, more + 1};
    }
    return {0, 0};
}

bool is_printable(std::uint32_t c) {
    if (c < 0x7f) return c >= 0x20;
    return std::none_of(std::begin(kUnseen), std::end(kUnseen),
                        [c](const Span& span) { return c >= span.first && c <= span.last; });
}

std::string name_of(std::uint32_t c) {
    char text[16];
    std::snprintf(text, sizeof text, "U+%04X", static_cast<unsigned>(c));
    const auto* const known = std::find_if(std::begin(kNames), std::end(kNames),
                                           [c](const Name& name) { return name.value == c; });
    if (known == std::end(kNames)) return text;
    return std::string(text) + " (" + std::string(known->name) + ")";
}

void append_escape(std::string& out, std::uint32_t c) {
    const auto append = [&out](std::uint32_t unit) {
        char text[16];
        std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(unit));
        out += text;
    };
    if (c < 0x10000) return append(c);
    append(0xd800 + ((c - 0x10000) >> 10U));  // RFC 2781, 2.1
    append(0xdc00 + ((c - 0x10000) & 0x3ffU));
}

std::string visible(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto [value, bytes] = first_code_point(text);
        if (bytes == 0) {
            char byte[8];
            std::snprintf(byte, sizeof byte, "\\x%02x", static_cast<unsigned char>(text[0]));
            out += byte;
        } else if (is_printable(value)) {
            out += text.substr(0, bytes);
        } else {
            append_escape(out, value);
        }
        text.remove_prefix(std::max<std::size_t>(bytes, 1));
    }
    return out;
}

}  // namespace inout
