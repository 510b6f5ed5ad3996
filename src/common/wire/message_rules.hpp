// What a member of a message may be, and when it is there: the words of message_fields.hpp.
//
// Part of message.hpp's implementation. Constants and pure functions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"
#include "common/base/socket_address.hpp"
#include "common/rules/topic.hpp"
#include "common/wire/message.hpp"

namespace inout {

/// When a member is there.
enum class Presence {
    required,  ///< always; a message without it is malformed
    always,    ///< always, but a peer may leave it out
    if_any,    ///< if there is something to say
    never,     ///< not now; a peer may send it
};
/// `sent` is for the writer; a peer may send it or not.
constexpr Presence when(bool sent) { return sent ? Presence::always : Presence::never; }

/// What a reader clamps a number to, or demands of it, ends included.
struct Bounds {
    std::int64_t min, max;
};

/// What a reader refuses. A sender's own values are fine by where they come from.
struct TextRule {
    std::size_t max_bytes;
    bool (*is_fine)(std::string_view text);
    bool is_cut = false;  ///< before it is kept, and before it is sent
};

/// A value that has a word; a reader refuses words that have no value.
template <class T>
struct WordRule {
    std::optional<T> (*from)(std::string_view word);
    std::string_view (*to)(T value);
};

// Together with the longest topic and text, what these allow fits kFrameSendMaxBytes, even if JSON
// has to escape every character. Ids: twice what we make.
inline constexpr std::size_t kIdMaxBytes = 64;
inline constexpr std::size_t kVersionMaxBytes = 16;
/// An IPv6 address of eight groups in brackets, and a port.
inline constexpr std::size_t kSourceMaxBytes = 47;

/// 2^53, up to which JSON's numbers are exact everywhere (RFC 8259, 6); no year of ours needs more.
inline constexpr Bounds kTimeMs{0, 9'007'199'254'740'992};

/// Which stream of its connection.
inline constexpr Bounds kUse{1, kConnectionUsesMax};

/// As much of an error text as takes kPeerTextMaxBytes in JSON, cut between two characters.
std::string_view cut_text(std::string_view text);

inline bool is_topic(std::string_view text) { return !check_topic(text); }
/// Printable, because it is repeated in answers and logs.
inline bool is_printable_or_empty(std::string_view text) { return text.empty() || is_topic(text); }
inline bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}
/// What JSON would write as two bytes is refused: such a key would not fit beside the rest.
inline bool is_key_id(std::string_view text) {
    return is_topic(text) && text.find_first_of("\"\\") == std::string_view::npos;
}
inline bool is_origin(std::string_view text) { return text.empty() || is_key_id(text); }
inline bool is_mac(std::string_view text) {
    return text.size() == kProofDigits && std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
           });
}
inline bool is_source(std::string_view text) {
    return text.empty() || SocketAddress::parse(text).has_value();
}
inline bool is_out_name(std::string_view text) {
    return text.empty() || (text.size() == kOutNameDigits && is_hex(text));
}
/// Outs' names with a comma between each two.
inline bool is_list_of_outs(std::string_view text) {
    for (; text.size() > kOutNameDigits; text.remove_prefix(kOutNameDigits + 1)) {
        if (!is_hex(text.substr(0, kOutNameDigits)) || text[kOutNameDigits] != ',') return false;
    }
    return text.size() == kOutNameDigits && is_hex(text);
}

inline constexpr TextRule kTopic{kTopicMaxBytes, is_topic};
inline constexpr TextRule kId{kIdMaxBytes, is_printable_or_empty};
inline constexpr TextRule kVersionText{kVersionMaxBytes, is_printable_or_empty};
inline constexpr TextRule kIdentity{kIdentityMaxBytes, is_printable_or_empty};
inline constexpr TextRule kHex{kIdMaxBytes, is_hex};
inline constexpr TextRule kKeyId{kKeyIdMaxBytes, is_key_id};
inline constexpr TextRule kOrigin{kOriginMaxBytes, is_origin};
inline constexpr TextRule kSource{kSourceMaxBytes, is_source};
inline constexpr TextRule kOutName{kOutNameDigits, is_out_name};
inline constexpr TextRule kLists{kListsDigits, is_hex};
inline constexpr TextRule kTriedOuts{kTriedNamesMax * (kOutNameDigits + 1) - 1, is_list_of_outs};
inline constexpr TextRule kMac{kProofDigits, is_mac};
/// For people; nothing is wrong with it.
inline constexpr TextRule kErrorText{
    .max_bytes = kFrameBodyMaxBytes, .is_fine = [](auto) { return true; }, .is_cut = true};

/// Whether an out stands by.
inline constexpr WordRule<bool> kMode{
    [](std::string_view word) -> std::optional<bool> {
        if (word == "standby") return true;
        if (word == "takeover" || word.empty()) return false;
        return std::nullopt;
    },
    [](bool standby) -> std::string_view { return standby ? "standby" : "takeover"; }};
inline constexpr WordRule<Code> kCode{
    [](std::string_view word) -> std::optional<Code> { return code_from(word); }, to_string};

inline constexpr std::string_view kNoticeWords[] = {"displaced", "promoted", "draining",
                                                    "unready",   "ready",    "other"};
inline constexpr WordRule<NoticeCode> kNotice{
    [](std::string_view word) -> std::optional<NoticeCode> {
        const auto* const known = std::ranges::find(kNoticeWords, word);
        if (known == std::end(kNoticeWords)) return NoticeCode::other;
        return static_cast<NoticeCode>(known - std::begin(kNoticeWords));
    },
    [](NoticeCode code) { return kNoticeWords[static_cast<std::size_t>(code)]; }};

}  // namespace inout
