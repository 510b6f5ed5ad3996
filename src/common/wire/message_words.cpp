#include "common/wire/message_words.hpp"

namespace inout {

std::string_view type_name(const Message& message) { return kTypeNames[message.index()]; }

std::string cut_text(std::string_view text) {
    std::size_t end = 0;
    for (std::size_t written = 0; end < text.size(); ++end) {
        const auto byte = static_cast<unsigned char>(text[end]);
        written += byte < 0x20 ? 6 : byte == '"' || byte == '\\' ? 2 : 1;
        if (written > kPeerTextMaxBytes) break;
    }
    // A byte that begins with the bits 10 continues a character (RFC 3629, 3).
    const auto continues = [&](std::size_t at) {
        return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80;
    };
    for (int back = 0; back < 3 && continues(end); ++back) --end;
    return std::string(text.substr(0, end));
}

}  // namespace inout
