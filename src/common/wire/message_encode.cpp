// Messages to JSON. Written by hand, because building and printing a document for each cost a third
// of a stream's opening; texts that are not plain ASCII are left to the library.
#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "common/wire/frame.hpp"
#include "common/wire/message.hpp"
#include "common/wire/message_words.hpp"

namespace inout {
namespace {

/// More than most of our messages have.
constexpr std::size_t kTypicalBodyBytes = 448;

bool is_plain(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; });
}

/// Writes the members of one JSON object in the order given; closes it at its end.
class ObjectWriter {
  public:
    explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }
    ObjectWriter(const ObjectWriter&) = delete;
    ObjectWriter& operator=(const ObjectWriter&) = delete;
    ~ObjectWriter() { out_ += '}'; }

    void text(std::string_view key, std::string_view value) {
        begin(key);
        if (is_plain(value)) {
            out_ += '"';
            out_ += value;
            out_ += '"';
        } else {
            // The system's words may be in any encoding: what is not UTF-8 is replaced.
            using Json = nlohmann::json;
            out_ += Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
        }
    }
    void text_if_any(std::string_view key, std::string_view value) {
        if (!value.empty()) text(key, value);
    }
    void number(std::string_view key, std::int64_t value) {
        begin(key);
        std::array<char, 20> digits;
        out_.append(digits.data(), std::to_chars(digits.begin(), digits.end(), value).ptr);
    }
    ObjectWriter object(std::string_view key) {
        begin(key);
        return ObjectWriter(out_);
    }
    /// Every ext begins with the version of what it may hold.
    ObjectWriter ext() {
        begin("ext");
        return ObjectWriter(out_, "v", 1);
    }

  private:
    ObjectWriter(std::string& out, std::string_view key, std::int64_t value) : ObjectWriter(out) {
        number(key, value);
    }

    void begin(std::string_view key) {
        if (out_.back() != '{') out_ += ',';
        out_ += '"';
        out_ += key;
        out_ += "\":";
    }

    std::string& out_;
};

template <class M>
void write_request(ObjectWriter& payload, const M& m) {
    payload.text("magic", m.magic);
    payload.text("version", m.version);
    payload.text("type", m.topic);
}

/// What InRequest and DataActiveRequest say about the stream.
template <class M>
void write_stream(ObjectWriter& ext, const M& m) {
    ext.text("id", m.id);
    ext.text_if_any("client", m.client);
    if (m.e2e) ext.number("e2e", 1);
}

void write_proof(ObjectWriter& ext, const std::optional<Proof>& proof) {
    if (!proof) return;
    ext.text("key", proof->key);
    ext.number("time", proof->time_ms);
    ext.text_if_any("proof", proof->mac_1);
    ext.text_if_any("proof2", proof->mac);
}

void write(ObjectWriter& payload, const OutRequest& m) {
    write_request(payload, m);
    auto ext = payload.ext();
    ext.text("instance", m.instance);
    ext.text("mode", m.standby ? "standby" : "takeover");
    if (m.heartbeat_timeout) ext.number("heartbeat_timeout", m.heartbeat_timeout->count());
    if (m.bound) ext.number("bound", 1);
    write_proof(ext, m.proof);
}

void write(ObjectWriter& payload, const OutDataRequest& m) {
    write_request(payload, m);
    auto ext = payload.ext();
    ext.text_if_any("ticket", m.ticket);
    ext.text_if_any("mac", m.mac);
    if (m.quiet) ext.number("quiet", 1);
}

void write(ObjectWriter& payload, const InRequest& m) {
    write_request(payload, m);
    auto ext = payload.ext();
    write_stream(ext, m);
    write_proof(ext, m.proof);
}

void write(ObjectWriter& payload, const InWarmRequest& m) {
    payload.text("magic", m.magic);
    payload.text("version", m.version);
    auto ext = payload.ext();
    write_proof(ext, m.proof);
}

void write(ObjectWriter& payload, const NewDataRequest& m) {
    payload.text("magic", m.magic);
    payload.text("type", m.topic);
    if (m.count == 1 && !m.waiting) return;
    auto ext = payload.ext();
    if (m.count != 1) ext.number("count", m.count);
    if (m.waiting) ext.number("waiting", 1);
}

void write(ObjectWriter& payload, const DataActiveRequest& m) {
    payload.text("magic", m.magic);
    payload.text("type", m.topic);
    auto ext = payload.ext();
    write_stream(ext, m);
}

void write(ObjectWriter& payload, const Response& m) {
    payload.text("magic", m.magic);
    payload.text("request", m.request);
    payload.text("message", cut_text(m.message));
    auto ext = payload.ext();
    if (m.code != Code::none) ext.text("code", to_string(m.code));
    ext.text_if_any("proxy", m.proxy);
    if (!m.ticket.empty()) {
        ext.text("ticket", m.ticket);
        ext.number("position", m.position);
    }
    if (m.quiet) ext.number("quiet", 1);
    if (m.warm) ext.number("warm", m.warm->count());
    if (m.time_ms) ext.number("time", *m.time_ms);
    ext.text_if_any("identity", m.identity);
}

void write(ObjectWriter&, const Ping&) {}
void write(ObjectWriter&, const Pong&) {}

void write(ObjectWriter& payload, const Notice& m) {
    payload.text("code", notice_word(m.code));
    payload.text("message", cut_text(m.message));
}

}  // namespace

std::string encode(const Message& message) {
    std::string body;
    body.reserve(kTypicalBodyBytes);
    {
        ObjectWriter object(body);
        // The originals write Type before Payload; a reader of a packet dump expects that order.
        object.text("Type", type_name(message));
        auto payload = object.object("Payload");
        std::visit([&](const auto& m) { write(payload, m); }, message);
    }
    return encode_frame(body);
}

}  // namespace inout
