// The words of the messages that writing and reading share. Part of message.hpp's implementation.
// Pure.
#pragma once

#include "common/wire/message.hpp"

namespace inout {

inline constexpr std::string_view kTypeNames[] = {
    "OutRequest", "OutDataRequest", "InRequest", "NewDataRequest", "DataActiveRequest",
    "Response",   "Ping",           "Pong",      "Notice",         "InWarmRequest",
};
static_assert(std::size(kTypeNames) == std::variant_size_v<Message>);

inline constexpr std::pair<NoticeCode, std::string_view> kNoticeWords[] = {
    {NoticeCode::displaced, "displaced"},
    {NoticeCode::promoted, "promoted"},
    {NoticeCode::draining, "draining"},
    {NoticeCode::other, "other"},
};

constexpr std::string_view notice_word(NoticeCode code) {
    for (const auto& [each, word] : kNoticeWords) {
        if (each == code) return word;
    }
    return {};
}

/// As much of an error text as takes kPeerTextMaxBytes in JSON, cut between two characters.
std::string cut_text(std::string_view text);

}  // namespace inout
