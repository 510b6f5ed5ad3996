#include "common/protocol/message.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "common/protocol/frame.hpp"
#include "common/protocol/topic.hpp"

namespace inout {
namespace {

using Json = nlohmann::json;
// The originals write Type before Payload; a reader of a packet dump expects that order.
using OrderedJson = nlohmann::ordered_json;

// Twice what we make. Together with the longest topic and text they fit kFrameSendMaxBytes, even if
// JSON has to escape every character.
constexpr std::size_t kIdMaxBytes = 64;

constexpr std::string_view kTypeNames[] = {
    "OutRequest", "OutDataRequest", "InRequest", "NewDataRequest", "DataActiveRequest",
    "Response",   "Ping",           "Pong",      "Notice",
};
static_assert(std::size(kTypeNames) == std::variant_size_v<Message>);

constexpr std::pair<NoticeCode, std::string_view> kNoticeWords[] = {
    {NoticeCode::displaced, "displaced"},
    {NoticeCode::promoted, "promoted"},
    {NoticeCode::draining, "draining"},
    {NoticeCode::other, "other"},
};

/// As much of an error text as takes kPeerTextMaxBytes in JSON, cut between two characters.
std::string cut(std::string_view text) {
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

// --- writing ---

OrderedJson ext_object() { return {{"v", 1}}; }

OrderedJson payload(const OutRequest& m) {
    OrderedJson ext = ext_object();
    ext["instance"] = m.instance;
    ext["mode"] = m.standby ? "standby" : "takeover";
    if (m.heartbeat_timeout) ext["heartbeat_timeout"] = m.heartbeat_timeout->count();
    return {{"magic", m.magic}, {"version", m.version}, {"type", m.topic}, {"ext", ext}};
}

OrderedJson payload(const OutDataRequest& m) {
    OrderedJson ext = ext_object();
    if (!m.ticket.empty()) ext["ticket"] = m.ticket;
    return {{"magic", m.magic}, {"version", m.version}, {"type", m.topic}, {"ext", ext}};
}

OrderedJson stream_ext(const std::string& id, const std::string& client) {
    OrderedJson ext = ext_object();
    ext["id"] = id;
    if (!client.empty()) ext["client"] = client;
    return ext;
}

OrderedJson payload(const InRequest& m) {
    return {{"magic", m.magic},
            {"version", m.version},
            {"type", m.topic},
            {"ext", stream_ext(m.id, m.client)}};
}

OrderedJson payload(const NewDataRequest& m) {
    OrderedJson object = {{"magic", m.magic}, {"type", m.topic}};
    if (m.count != 1) {
        object["ext"] = ext_object();
        object["ext"]["count"] = m.count;
    }
    return object;
}

OrderedJson payload(const DataActiveRequest& m) {
    OrderedJson object = {{"magic", m.magic}, {"type", m.topic}};
    object["ext"] = stream_ext(m.id, m.client);
    return object;
}

OrderedJson payload(const Response& m) {
    OrderedJson ext = ext_object();
    if (m.code != Code::none) ext["code"] = to_string(m.code);
    if (!m.proxy.empty()) ext["proxy"] = m.proxy;
    if (!m.ticket.empty()) {
        ext["ticket"] = m.ticket;
        ext["position"] = m.position;
    }
    return {{"magic", m.magic}, {"request", m.request}, {"message", cut(m.message)}, {"ext", ext}};
}

OrderedJson payload(const Ping&) { return OrderedJson::object(); }
OrderedJson payload(const Pong&) { return OrderedJson::object(); }

OrderedJson payload(const Notice& m) {
    for (const auto& [code, word] : kNoticeWords) {
        if (code == m.code) {
            return {{"code", word}, {"message", cut(m.message)}};
        }
    }
    return OrderedJson::object();
}

// --- reading ---

bool same_key(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [&](char x, char y) { return lower(x) == lower(y); });
}

const Json* find(const Json& object, std::string_view key) {
    for (auto it = object.begin(); it != object.end(); ++it) {
        if (same_key(it.key(), key)) return &it.value();
    }
    return nullptr;
}

/// Reads members of one JSON object and remembers whether all of them were acceptable.
class Reader {
  public:
    explicit Reader(const Json* object) : object_(object) {}

    std::string text(std::string_view key, std::size_t max_bytes, bool required) {
        const Json* value = object_ != nullptr ? find(*object_, key) : nullptr;
        if (value == nullptr) {
            ok_ = ok_ && !required;
            return {};
        }
        if (!value->is_string() || value->get_ref<const std::string&>().size() > max_bytes) {
            ok_ = false;
            return {};
        }
        return value->get<std::string>();
    }

    /// An error text; a long one is cut.
    std::string message() { return cut(text("message", kFrameBodyMaxBytes, false)); }

    /// A short printable text, because it is repeated in answers and logs.
    std::string id(std::string_view key, bool required) {
        std::string value = text(key, kIdMaxBytes, required);
        require(value.empty() || !check_topic(value));
        return value;
    }

    std::string topic() {
        std::string name = text("type", kTopicMaxBytes, true);
        if (ok_ && check_topic(name)) ok_ = false;
        return name;
    }

    /// Clamped to [low, high]; nothing if absent.
    std::optional<std::int64_t> number(std::string_view key, std::int64_t low, std::int64_t high) {
        const Json* value = object_ != nullptr ? find(*object_, key) : nullptr;
        if (value == nullptr) return std::nullopt;
        if (value->is_number_unsigned()) {
            const auto amount = value->get<std::uint64_t>();
            if (amount > static_cast<std::uint64_t>(high)) return high;
            return std::max(low, static_cast<std::int64_t>(amount));
        }
        if (value->is_number_integer()) return std::clamp(value->get<std::int64_t>(), low, high);
        ok_ = false;
        return std::nullopt;
    }

    /// The `ext` object inside, with v >= 1; nothing for a 0.0.1 peer.
    const Json* ext() {
        const Json* value = object_ != nullptr ? find(*object_, "ext") : nullptr;
        if (value == nullptr) return nullptr;
        if (!value->is_object()) {
            ok_ = false;
            return nullptr;
        }
        const auto v = Reader(value).number("v", 0, 1);
        require(v == 1);
        return v == 1 ? value : nullptr;
    }

    void require(bool condition) { ok_ = ok_ && condition; }
    bool ok() const { return ok_; }

  private:
    const Json* object_;
    bool ok_ = true;
};

bool is_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    });
}

std::string hex_text(Reader& ext, std::string_view key, bool required) {
    std::string text = ext.text(key, kIdMaxBytes, required);
    ext.require(is_hex(text));
    return text;
}

template <class M>
Result<Message, DecodeError> finish(M message, const Reader& members, const Reader& ext) {
    if (!members.ok() || !ext.ok()) return Failure{DecodeError::malformed};
    return Message{std::move(message)};
}

/// The three first messages begin alike.
template <class M>
M read_request(Reader& members) {
    M m;
    m.magic = members.id("magic", true);
    m.version = members.id("version", false);
    m.topic = members.topic();
    return m;
}

Result<Message, DecodeError> read_out_request(Reader members) {
    auto m = read_request<OutRequest>(members);
    const Json* object = members.ext();
    Reader ext(object);
    if (object != nullptr) {
        m.ext = true;
        m.instance = hex_text(ext, "instance", true);
        const std::string mode = ext.text("mode", kIdMaxBytes, false);
        ext.require(mode.empty() || mode == "takeover" || mode == "standby");
        m.standby = mode == "standby";
        if (const auto ms = ext.number("heartbeat_timeout", 5'000, 600'000)) {
            m.heartbeat_timeout = Milliseconds{*ms};
        }
    }
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_out_data_request(Reader members) {
    auto m = read_request<OutDataRequest>(members);
    const Json* object = members.ext();
    Reader ext(object);
    if (object != nullptr) {
        m.ext = true;
        m.ticket = hex_text(ext, "ticket", false);
    }
    return finish(std::move(m), members, ext);
}

template <class M>
void read_stream_ext(M& m, Reader& ext, const Json* object) {
    if (object == nullptr) return;
    m.ext = true;
    m.id = hex_text(ext, "id", false);
    m.client = ext.id("client", false);
}

Result<Message, DecodeError> read_in_request(Reader members) {
    auto m = read_request<InRequest>(members);
    const Json* object = members.ext();
    Reader ext(object);
    read_stream_ext(m, ext, object);
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_new_data_request(Reader members) {
    NewDataRequest m;
    m.magic = members.id("magic", true);
    m.topic = members.topic();
    Reader ext(members.ext());
    m.count = static_cast<unsigned>(
        ext.number("count", 1, static_cast<std::int64_t>(kPoolHardMax)).value_or(1));
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_data_active_request(Reader members) {
    DataActiveRequest m;
    m.magic = members.id("magic", true);
    m.topic = members.topic();
    const Json* object = members.ext();
    Reader ext(object);
    read_stream_ext(m, ext, object);
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_response(Reader members) {
    Response m;
    m.magic = members.id("magic", true);
    m.request = members.id("request", true);
    m.message = members.message();
    const Json* object = members.ext();
    Reader ext(object);
    if (object != nullptr) {
        m.ext = true;
        m.code = code_from(ext.text("code", kIdMaxBytes, false));
        m.proxy = hex_text(ext, "proxy", false);
        m.ticket = hex_text(ext, "ticket", false);
        m.position = static_cast<unsigned>(
            ext.number("position", 0, static_cast<std::int64_t>(kLineMax)).value_or(0));
    }
    if (!m.ok() && m.code == Code::none) m.code = Code::unknown;
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_notice(Reader members) {
    Notice m;
    const std::string word = members.text("code", kIdMaxBytes, true);
    for (const auto& [code, name] : kNoticeWords) {
        if (name == word) m.code = code;
    }
    m.message = members.message();
    return finish(std::move(m), members, Reader(nullptr));
}

}  // namespace

std::string_view type_name(const Message& message) { return kTypeNames[message.index()]; }

std::string encode(const Message& message) {
    OrderedJson object;
    object["Type"] = type_name(message);
    object["Payload"] = std::visit([](const auto& m) { return payload(m); }, message);
    // The system's words may be in any encoding: what is not UTF-8 is replaced, not refused.
    return encode_frame(object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
}

Result<Message, DecodeError> decode(std::string_view body) {
    const Json object = Json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (!object.is_object()) return Failure{DecodeError::malformed};
    const Json* type = find(object, "Type");
    if (type == nullptr || !type->is_string()) return Failure{DecodeError::malformed};
    const auto& name = type->get_ref<const std::string&>();
    const auto* const known = std::find(std::begin(kTypeNames), std::end(kTypeNames), name);
    if (known == std::end(kTypeNames)) return Failure{DecodeError::unknown_type};

    const Json* payload = find(object, "Payload");
    const auto index = known - std::begin(kTypeNames);
    if (index == 6) return Message{Ping{}};  // the originals' payload here is {} or null
    if (index == 7) return Message{Pong{}};
    if (payload == nullptr || !payload->is_object()) return Failure{DecodeError::malformed};
    const Reader members(payload);
    switch (index) {
        case 0: return read_out_request(members);
        case 1: return read_out_data_request(members);
        case 2: return read_in_request(members);
        case 3: return read_new_data_request(members);
        case 4: return read_data_active_request(members);
        case 5: return read_response(members);
        default: return read_notice(members);
    }
}

}  // namespace inout
