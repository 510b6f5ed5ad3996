#include "common/wire/message.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "common/wire/frame.hpp"
#include "common/wire/message_fields.hpp"
#include "common/wire/message_reader.hpp"
#include "common/wire/message_writer.hpp"
#include "common/wire/plain_json.hpp"

namespace inout {
namespace {

/// More than most of our messages have.
constexpr std::size_t kTypicalBodyBytes = 448;

using Decoded = Result<Message, DecodeError>;

template <class M>
Decoded read(const MemberCollector& members) {
    Decoded decoded(std::in_place, std::in_place_type<M>);
    M& m = std::get<M>(*decoded);
    const MemberKind kind = members.find(MemberLevel::message, "payload").kind;
    MemberReader payload(members, MemberLevel::payload);
    // The originals' payload of a Ping is {} or null.
    payload.require(std::is_empty_v<M> || kind == MemberKind::object);
    visit(payload, m);
    if (!payload.ok()) return Failure{DecodeError::malformed};
    if constexpr (std::is_same_v<M, Response>) {
        if (!m.ok() && m.code == Code::none) m.code = Code::unknown;
    }
    return decoded;
}

/// One for each alternative of Message, in their order.
constexpr auto kReaders = []<class... M>(std::type_identity<std::variant<M...>>) {
    return std::array{&read<M>...};
}(std::type_identity<Message>{});

}  // namespace

std::string_view type_name(const Message& message) { return kTypeNames[message.index()]; }

std::string encode(const Message& message) {
    std::string body;
    body.reserve(kTypicalBodyBytes);
    // The originals write Type before Payload; a reader of a packet dump expects that order.
    body += R"({"Type":")";
    body += type_name(message);
    body += R"(","Payload":)";
    MemberWriter payload(body);
    std::visit([&](const auto& m) { visit(payload, m); }, message);
    payload.close();
    body += '}';
    return encode_frame(body);
}

Decoded decode(std::string_view body) {
    MemberCollector members(body);
    if (!PlainJson(body, members).parse()) {
        members = MemberCollector(body);
        if (!nlohmann::json::sax_parse(body, &members)) return Failure{DecodeError::malformed};
    }
    const Member& type = members.find(MemberLevel::message, "type");
    if (type.kind != MemberKind::text) {
        return Failure{DecodeError::malformed};
    }
    const auto* const known = std::ranges::find(kTypeNames, type.text());
    if (known == std::end(kTypeNames)) return Failure{DecodeError::unknown_type};
    return kReaders.at(static_cast<std::size_t>(known - std::begin(kTypeNames)))(members);
}

std::string json_text(std::string_view text) {
    using Json = nlohmann::json;
    return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view cut_text(std::string_view text) {
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
    return text.substr(0, end);
}

}  // namespace inout
