#include "common/protocol/topic.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "common/base/limits.hpp"

namespace inout {
namespace {

struct CodePoint {
    std::uint32_t value;
    std::size_t bytes;  // 0: not UTF-8
};

/// The first character of a text that is not empty. Well-formed is what RFC 3629, 4 says: no
/// overlong form, no surrogate, nothing above U+10FFFF.
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

bool printable(std::uint32_t c) {
    if (c < 0x20 || (c >= 0x7f && c <= 0x9f)) return false;
    return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

std::string place_of(std::size_t at) { return " at byte " + std::to_string(at + 1); }

}  // namespace

std::optional<std::string> check_topic(std::string_view topic) {
    if (topic.empty()) return "must not be empty";
    if (topic.size() > kTopicMaxBytes) {
        return "must be at most " + std::to_string(kTopicMaxBytes) + " bytes long, not " +
               std::to_string(topic.size());
    }
    for (std::size_t at = 0; at < topic.size();) {
        const auto [value, bytes] = first_code_point(topic.substr(at));
        if (bytes == 0) return "must be UTF-8, which it is not" + place_of(at);
        if (!printable(value)) {
            char name[16];
            std::snprintf(name, sizeof name, "U+%04X", static_cast<unsigned>(value));
            return "must be printable, which " + std::string(name) + place_of(at) + " is not";
        }
        at += bytes;
    }
    return std::nullopt;
}

}  // namespace inout
