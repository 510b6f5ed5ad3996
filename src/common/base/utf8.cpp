#include "common/base/utf8.hpp"

#include <array>

namespace inout {

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
    if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return false;
    return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

}  // namespace inout
