// JSON to messages, by events: no document is built for it.
#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "common/rules/topic.hpp"
#include "common/wire/message.hpp"
#include "common/wire/message_members.hpp"
#include "common/wire/message_words.hpp"
#include "common/wire/plain_json.hpp"

namespace inout {
namespace {

// Together with the longest topic and text, what these allow fits kFrameSendMaxBytes, even if JSON
// has to escape every character. Ids: twice what we make.
constexpr std::size_t kIdMaxBytes = 64;
constexpr std::size_t kVersionMaxBytes = 16;

/// 2^53, up to which JSON's numbers are exact everywhere (RFC 8259, 6); no year of ours needs more.
constexpr std::int64_t kTimeMaxMs = 9'007'199'254'740'992;

/// A short printable text, because it is repeated in answers and logs.
std::string read_id(MemberReader& members, std::string_view key, bool required,
                    std::size_t max_bytes = kIdMaxBytes) {
    std::string value = members.text(key, max_bytes, required);
    members.require(value.empty() || !check_topic(value));
    return value;
}

std::string read_version(MemberReader& members) {
    return read_id(members, "version", false, kVersionMaxBytes);
}

std::string read_topic(MemberReader& members) {
    std::string name = members.text("type", kTopicMaxBytes, true);
    if (members.ok()) members.require(!check_topic(name));
    return name;
}

/// An error text; a long one is cut.
std::string read_text(MemberReader& members) {
    return cut_text(members.text("message", kFrameBodyMaxBytes, false));
}

std::string read_hex(MemberReader& ext, std::string_view key, bool required) {
    std::string text = ext.text(key, kIdMaxBytes, required);
    ext.require(std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    }));
    return text;
}

std::string read_mac(MemberReader& ext, std::string_view key) {
    std::string mac = ext.text(key, kProofDigits, false);
    ext.require(!ext.has(key) || (mac.size() == kProofDigits &&
                                  mac.find_first_not_of("0123456789abcdef") == std::string::npos));
    return mac;
}

/// All members of a proof or none; of its two versions one is enough.
std::optional<Proof> read_proof(MemberReader& ext) {
    if (!ext.has("key") && !ext.has("proof") && !ext.has("proof2") && !ext.has("time")) {
        return std::nullopt;
    }
    Proof proof;
    proof.key = ext.text("key", kKeyIdMaxBytes, true);
    // What JSON would write as two bytes is refused: such a key would not fit beside the rest.
    ext.require(!check_topic(proof.key) && proof.key.find_first_of("\"\\") == std::string::npos);
    const auto time_ms = ext.number("time", 0, kTimeMaxMs);
    ext.require(time_ms.has_value());
    proof.time_ms = time_ms.value_or(0);
    proof.mac = read_mac(ext, "proof2");
    proof.mac_1 = read_mac(ext, "proof");
    ext.require(!proof.mac.empty() || !proof.mac_1.empty());
    return proof;
}

template <class M>
Result<Message, DecodeError> finish(M message, const MemberReader& members,
                                    const MemberReader& ext) {
    if (!members.ok() || !ext.ok()) return Failure{DecodeError::malformed};
    return Message{std::move(message)};
}

/// The three first messages begin alike.
template <class M>
M read_request(MemberReader& members) {
    M m;
    m.magic = read_id(members, "magic", true);
    m.version = read_version(members);
    m.topic = read_topic(members);
    m.ext = members.has_ext();
    return m;
}

Result<Message, DecodeError> read_out_request(MemberReader members) {
    auto m = read_request<OutRequest>(members);
    MemberReader ext = members.ext();
    if (m.ext) {
        m.instance = read_hex(ext, "instance", true);
        const std::string mode = ext.text("mode", kIdMaxBytes, false);
        ext.require(mode.empty() || mode == "takeover" || mode == "standby");
        m.standby = mode == "standby";
        if (const auto ms = ext.number("heartbeat_timeout", kHeartbeatTimeoutMin.count(),
                                       kHeartbeatTimeoutMax.count())) {
            m.heartbeat_timeout = Milliseconds{*ms};
        }
        m.bound = ext.flag("bound");
        m.proof = read_proof(ext);
    }
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_out_data_request(MemberReader members) {
    auto m = read_request<OutDataRequest>(members);
    MemberReader ext = members.ext();
    if (m.ext) {
        m.ticket = read_hex(ext, "ticket", false);
        m.mac = read_mac(ext, "mac");
        m.quiet = ext.flag("quiet");
    }
    return finish(std::move(m), members, ext);
}

/// What InRequest and DataActiveRequest say about the stream.
template <class M>
void read_stream(M& m, MemberReader& ext) {
    m.id = read_hex(ext, "id", false);
    m.client = read_id(ext, "client", false);
    m.e2e = ext.flag("e2e");
}

Result<Message, DecodeError> read_in_request(MemberReader members) {
    auto m = read_request<InRequest>(members);
    MemberReader ext = members.ext();
    if (m.ext) {
        read_stream(m, ext);
        m.proof = read_proof(ext);
    }
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_new_data_request(MemberReader members) {
    NewDataRequest m;
    m.magic = read_id(members, "magic", true);
    m.topic = read_topic(members);
    MemberReader ext = members.ext();
    if (members.has_ext()) {
        m.count = static_cast<unsigned>(
            ext.number("count", 1, static_cast<std::int64_t>(kPoolHardMax)).value_or(1));
        m.waiting = ext.flag("waiting");
    }
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_data_active_request(MemberReader members) {
    DataActiveRequest m;
    m.magic = read_id(members, "magic", true);
    m.topic = read_topic(members);
    MemberReader ext = members.ext();
    m.ext = members.has_ext();
    if (m.ext) read_stream(m, ext);
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_response(MemberReader members) {
    Response m;
    m.magic = read_id(members, "magic", true);
    m.request = read_id(members, "request", true);
    m.message = read_text(members);
    MemberReader ext = members.ext();
    m.ext = members.has_ext();
    if (m.ext) {
        m.code = code_from(ext.text("code", kIdMaxBytes, false));
        m.proxy = read_hex(ext, "proxy", false);
        m.ticket = read_hex(ext, "ticket", false);
        m.quiet = ext.flag("quiet");
        m.position = static_cast<unsigned>(
            ext.number("position", 0, static_cast<std::int64_t>(kLineMax)).value_or(0));
        if (const auto ms = ext.number("warm", 0, 600'000)) m.warm = Milliseconds{*ms};
        m.time_ms = ext.number("time", 0, kTimeMaxMs);
        m.identity = read_id(ext, "identity", false, kIdentityMaxBytes);
    }
    if (!m.ok() && m.code == Code::none) m.code = Code::unknown;
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_in_warm_request(MemberReader members) {
    InWarmRequest m;
    m.magic = read_id(members, "magic", true);
    m.version = read_version(members);
    members.require(members.has_ext());
    MemberReader ext = members.ext();
    m.proof = read_proof(ext);
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_notice(MemberReader members) {
    Notice m;
    const std::string word = members.text("code", kIdMaxBytes, true);
    for (const auto& [code, name] : kNoticeWords) {
        if (name == word) m.code = code;
    }
    m.message = read_text(members);
    return finish(std::move(m), members, members);
}

}  // namespace

Result<Message, DecodeError> decode(std::string_view body) {
    MemberCollector collector;
    if (!PlainJson(body, collector).parse()) {
        collector = {};
        if (!nlohmann::json::sax_parse(body, &collector)) return Failure{DecodeError::malformed};
    }
    if (!collector.is_message()) return Failure{DecodeError::malformed};
    const Member* type = collector.find(MemberLevel::message, "type");
    if (type == nullptr || type->kind != MemberKind::text) return Failure{DecodeError::malformed};
    const auto* const known = std::find(std::begin(kTypeNames), std::end(kTypeNames), type->text);
    if (known == std::end(kTypeNames)) return Failure{DecodeError::unknown_type};

    const auto index = known - std::begin(kTypeNames);
    if (index == 6) return Message{Ping{}};  // the originals' payload here is {} or null
    if (index == 7) return Message{Pong{}};
    const Member* payload = collector.find(MemberLevel::message, "payload");
    if (payload == nullptr || payload->kind != MemberKind::object) {
        return Failure{DecodeError::malformed};
    }
    const MemberReader members(collector, MemberLevel::payload);
    switch (index) {
        case 0: return read_out_request(members);
        case 1: return read_out_data_request(members);
        case 2: return read_in_request(members);
        case 3: return read_new_data_request(members);
        case 4: return read_data_active_request(members);
        case 5: return read_response(members);
        case 8: return read_notice(members);
        default: return read_in_warm_request(members);
    }
}

}  // namespace inout
