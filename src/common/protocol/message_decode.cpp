// JSON to messages, by events: no document is built for it.
#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "common/protocol/message.hpp"
#include "common/protocol/message_words.hpp"
#include "common/protocol/plain_json.hpp"
#include "common/protocol/topic.hpp"

namespace inout {
namespace {

// Twice what we make. Together with the longest topic and text they fit kFrameSendMaxBytes, even if
// JSON has to escape every character.
constexpr std::size_t kIdMaxBytes = 64;

// --- reading JSON ---

/// The members that mean anything, in the message, its payload and its ext alike.
constexpr std::string_view kKeys[] = {
    "type",    "payload", "ext",      "magic",    "version", "request",
    "message", "code",    "v",        "instance", "mode",    "heartbeat_timeout",
    "proxy",   "ticket",  "position", "count",    "id",      "client",
    "warm",    "quiet",
};

/// The originals take keys in any letter case.
bool is_key_named(std::string_view name, std::string_view key) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return name.size() == key.size() && std::equal(name.begin(), name.end(), key.begin(),
                                                   [&](char x, char y) { return lower(x) == y; });
}

enum class Kind { text, integer, natural, object, other };

/// The place of a known member: in the message itself, in its payload or in the payload's ext.
enum class Level { message = 1, payload, ext };

struct Member {
    Level level;
    std::size_t key;  // in kKeys
    Kind kind;
    std::string text{};
    std::int64_t integer = 0;  // if it fits
    std::uint64_t natural = 0;
};

/// Receives the parser's events and keeps the known members of the three objects that matter; all
/// else is only counted through, so that depth costs nothing.
class MemberCollector {
  public:
    using Json = nlohmann::json;

    MemberCollector() { members_.reserve(kTypicalMembers); }

    bool is_message() const { return is_message_; }
    /// The last one of that name, as in the originals; nothing if absent.
    const Member* find(Level level, std::string_view key) const {
        const auto found = std::find_if(members_.rbegin(), members_.rend(), [&](const Member& m) {
            return m.level == level && kKeys[m.key] == key;
        });
        return found == members_.rend() ? nullptr : &*found;
    }

    // The events; false would end the parsing.
    bool null() { return add(Kind::other); }
    bool boolean(bool) { return add(Kind::other); }
    bool number_float(double, const std::string&) { return add(Kind::other); }
    bool binary(Json::binary_t&) { return add(Kind::other); }
    bool number_integer(std::int64_t value) {
        if (Member* m = add_member(Kind::integer)) m->integer = value;
        return true;
    }
    bool number_unsigned(std::uint64_t value) {
        if (Member* m = add_member(Kind::natural)) m->natural = value;
        return true;
    }
    bool string(std::string_view value) {
        if (Member* m = add_member(Kind::text)) m->text = value;
        return true;
    }
    bool key(std::string_view name) {
        if (is_direct()) {
            const auto* const found =
                std::find_if(std::begin(kKeys), std::end(kKeys),
                             [&](auto key) { return is_key_named(name, key); });
            key_ = static_cast<std::size_t>(found - std::begin(kKeys));
        }
        return true;
    }
    bool start_object(std::size_t) {
        const bool enters =
            is_direct() && (level_ == 0 || is_key(1, "payload") || is_key(2, "ext"));
        if (depth_ == 0) is_message_ = true;
        add(Kind::object);
        ++depth_;
        if (enters) ++level_;
        return true;
    }
    bool end_object() {
        if (is_direct()) --level_;
        --depth_;
        return true;
    }
    bool start_array(std::size_t) {
        add(Kind::other);
        ++depth_;
        return true;
    }
    bool end_array() {
        --depth_;
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) {
        return false;
    }

  private:
    static constexpr std::size_t kTypicalMembers = 12;

    /// What comes now is a member of one of the three objects.
    bool is_direct() const { return depth_ == level_; }
    bool is_key(std::size_t level, std::string_view key) const {
        return level_ == level && key_ < std::size(kKeys) && kKeys[key_] == key;
    }
    Member* add_member(Kind kind) {
        if (!is_direct() || level_ == 0 || key_ == std::size(kKeys)) return nullptr;
        return &members_.emplace_back(Member{static_cast<Level>(level_), key_, kind});
    }
    bool add(Kind kind) {
        add_member(kind);
        return true;
    }

    std::vector<Member> members_;
    std::size_t depth_ = 0;  // open objects and arrays
    std::size_t level_ = 0;  // of them, those that matter: always the outermost
    std::size_t key_ = std::size(kKeys);
    bool is_message_ = false;
};

// --- reading messages ---

/// Reads members of one JSON object and remembers whether all of them were acceptable.
class Reader {
  public:
    Reader(const MemberCollector& members, Level level) : members_(members), level_(level) {}

    std::string text(std::string_view key, std::size_t max_bytes, bool required) {
        const Member* member = members_.find(level_, key);
        if (member == nullptr) {
            ok_ = ok_ && !required;
            return {};
        }
        if (member->kind != Kind::text || member->text.size() > max_bytes) {
            ok_ = false;
            return {};
        }
        return member->text;
    }

    /// An error text; a long one is cut.
    std::string message() { return cut_text(text("message", kFrameBodyMaxBytes, false)); }

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
        const Member* member = members_.find(level_, key);
        if (member == nullptr) return std::nullopt;
        if (member->kind == Kind::natural) {
            const auto top = static_cast<std::uint64_t>(high);
            return std::max(low, static_cast<std::int64_t>(std::min(member->natural, top)));
        }
        if (member->kind == Kind::integer) return std::clamp(member->integer, low, high);
        ok_ = false;
        return std::nullopt;
    }

    /// Whether there is an `ext` object with v >= 1; there is none from a 0.0.1 peer.
    bool has_ext() {
        const Member* member = members_.find(level_, "ext");
        if (member == nullptr) return false;
        const bool valid = member->kind == Kind::object && ext().number("v", 0, 1) == 1;
        require(valid);
        return valid;
    }
    Reader ext() const { return {members_, Level::ext}; }

    void require(bool condition) { ok_ = ok_ && condition; }
    bool ok() const { return ok_; }

  private:
    const MemberCollector& members_;
    Level level_;
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
    Reader ext = members.ext();
    m.ext = members.has_ext();
    if (m.ext) {
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
    Reader ext = members.ext();
    m.ext = members.has_ext();
    if (m.ext) {
        m.ticket = hex_text(ext, "ticket", false);
        m.quiet = ext.number("quiet", 0, 1) == 1;
    }
    return finish(std::move(m), members, ext);
}

template <class M>
void read_stream_ext(M& m, Reader& members, Reader& ext) {
    m.ext = members.has_ext();
    if (!m.ext) return;
    m.id = hex_text(ext, "id", false);
    m.client = ext.id("client", false);
}

Result<Message, DecodeError> read_in_request(Reader members) {
    auto m = read_request<InRequest>(members);
    Reader ext = members.ext();
    read_stream_ext(m, members, ext);
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_new_data_request(Reader members) {
    NewDataRequest m;
    m.magic = members.id("magic", true);
    m.topic = members.topic();
    Reader ext = members.ext();
    if (members.has_ext()) {
        m.count = static_cast<unsigned>(
            ext.number("count", 1, static_cast<std::int64_t>(kPoolHardMax)).value_or(1));
    }
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_data_active_request(Reader members) {
    DataActiveRequest m;
    m.magic = members.id("magic", true);
    m.topic = members.topic();
    Reader ext = members.ext();
    read_stream_ext(m, members, ext);
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_response(Reader members) {
    Response m;
    m.magic = members.id("magic", true);
    m.request = members.id("request", true);
    m.message = members.message();
    Reader ext = members.ext();
    m.ext = members.has_ext();
    if (m.ext) {
        m.code = code_from(ext.text("code", kIdMaxBytes, false));
        m.proxy = hex_text(ext, "proxy", false);
        m.ticket = hex_text(ext, "ticket", false);
        m.quiet = ext.number("quiet", 0, 1) == 1;
        m.position = static_cast<unsigned>(
            ext.number("position", 0, static_cast<std::int64_t>(kLineMax)).value_or(0));
        if (const auto ms = ext.number("warm", 0, 600'000)) m.warm = Milliseconds{*ms};
    }
    if (!m.ok() && m.code == Code::none) m.code = Code::unknown;
    return finish(std::move(m), members, ext);
}

Result<Message, DecodeError> read_in_warm_request(Reader members) {
    InWarmRequest m;
    m.magic = members.id("magic", true);
    m.version = members.id("version", false);
    members.require(members.has_ext());
    return finish(std::move(m), members, members);
}

Result<Message, DecodeError> read_notice(Reader members) {
    Notice m;
    const std::string word = members.text("code", kIdMaxBytes, true);
    for (const auto& [code, name] : kNoticeWords) {
        if (name == word) m.code = code;
    }
    m.message = members.message();
    return finish(std::move(m), members, members);
}

}  // namespace

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

Result<Message, DecodeError> decode(std::string_view body) {
    MemberCollector collector;
    if (!PlainJson(body, collector).parse()) {
        collector = {};
        if (!nlohmann::json::sax_parse(body, &collector)) return Failure{DecodeError::malformed};
    }
    if (!collector.is_message()) return Failure{DecodeError::malformed};
    const Member* type = collector.find(Level::message, "type");
    if (type == nullptr || type->kind != Kind::text) return Failure{DecodeError::malformed};
    const auto* const known = std::find(std::begin(kTypeNames), std::end(kTypeNames), type->text);
    if (known == std::end(kTypeNames)) return Failure{DecodeError::unknown_type};

    const auto index = known - std::begin(kTypeNames);
    if (index == 6) return Message{Ping{}};  // the originals' payload here is {} or null
    if (index == 7) return Message{Pong{}};
    const Member* payload = collector.find(Level::message, "payload");
    if (payload == nullptr || payload->kind != Kind::object) {
        return Failure{DecodeError::malformed};
    }
    const Reader members(collector, Level::payload);
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
