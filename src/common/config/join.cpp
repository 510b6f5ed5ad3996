#include "common/config/join.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/base/crypto.hpp"
#include "common/base/utf8.hpp"
#include "common/config/document.hpp"
#include "common/config/rules.hpp"

namespace inout {
namespace {

constexpr std::string_view kVersionKey = "inout_join";
constexpr std::string_view kAboutKey = "about";

/// Only the place: what stands there may be the secret.
std::string line_of(std::string_view text, std::string_view where) {
    const auto offset =
        where.empty() ? text.size() : static_cast<std::size_t>(where.data() - text.data());
    const std::string_view before = text.substr(0, offset);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    return "line " + std::to_string(line);
}

/// Wipes the text that it was read into when it goes.
struct WipedDocument {
    JsonValue value;

    explicit WipedDocument(JsonValue&& document) : value(std::move(document)) {}
    WipedDocument(const WipedDocument&) = delete;
    WipedDocument& operator=(const WipedDocument&) = delete;
    ~WipedDocument() {
        for (JsonMember& member : value.members) {
            wipe(member.value.text.data(), member.value.text.size());
        }
    }
};

/// The members by name, each of which there may be one.
class JoinFields {
  public:
    explicit JoinFields(const JsonValue& document) : document_(document) {}

    /// What is wrong with the names alone.
    std::optional<std::string> check_names() const {
        static constexpr std::string_view kKnown[] = {kVersionKey, kAboutKey, "server",
                                                      "pin",       "id",      "secret"};
        for (const JsonMember& member : document_.members) {
            const std::string name = '"' + shortened(visible(member.key)) + '"';
            if (std::find(std::begin(kKnown), std::end(kKnown), member.key) == std::end(kKnown)) {
                return "has " + name + ", which no join file has";
            }
            if (find(member.key) != &member.value) return "has " + name + " twice";
        }
        return std::nullopt;
    }
    std::optional<std::string> check_version() const {
        const JsonValue* const version = find(kVersionKey);
        if (version == nullptr || !version->whole) return "has no whole number in \"inout_join\"";
        if (*version->whole == kJoinVersion) return std::nullopt;
        return "is a join file of version " + std::to_string(*version->whole) +
               ", and this program knows " + std::to_string(kJoinVersion) +
               ": take the program of the relay's version";
    }
    /// Of a member that must be there.
    Result<std::string_view, std::string> text(std::string_view key) const {
        const JsonValue* const value = find(key);
        if (value == nullptr) return Failure{"has no \"" + std::string(key) + '"'};
        if (value->kind != JsonValue::Kind::string) {
            return Failure{"\"" + std::string(key) + "\" must be a string"};
        }
        return std::string_view(value->text);
    }

  private:
    const JsonValue* find(std::string_view key) const {
        for (const JsonMember& member : document_.members) {
            if (member.key == key) return &member.value;
        }
        return nullptr;
    }
    const JsonValue& document_;
};

Result<Join, std::string> join_of(const JoinFields& fields) {
    if (auto problem = fields.check_version()) return Failure{std::move(*problem)};
    if (auto problem = fields.check_names()) return Failure{std::move(*problem)};
    const auto server = fields.text("server"), pin = fields.text("pin"), id = fields.text("id"),
               secret = fields.text("secret");
    for (const auto* const field : {&server, &pin, &id, &secret}) {
        if (!*field) return Failure{field->error()};
    }
    auto address = parse_host_port(*server);
    if (!address) return Failure{"\"server\" " + address.error()};
    if (const auto problem = check_pin(*pin)) return Failure{"\"pin\" " + *problem};
    if (const auto problem = check_key_id(*id)) return Failure{"\"id\" " + *problem};
    Join join{std::move(*address), std::string(*pin), std::string(*id), Secret(*secret)};
    if (!is_new_key(join.secret)) {
        return Failure{"\"secret\" must be " + std::to_string(kNewKeyDigits) +
                       " hexadecimal digits at random"};
    }
    return join;
}

}  // namespace

bool is_join(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r\n");
    return first != text.npos && text[first] == '{' && text.find("\"inout_join\"") != text.npos;
}

Result<Join, std::string> parse_join(std::string_view text) {
    if (text.size() > kJoinMaxBytes) {
        return Failure{"is longer than " + std::to_string(kJoinMaxBytes) +
                       " bytes, which no join file is"};
    }
    if (!is_join(text)) {
        return Failure{
            std::string("is no join file: \"proxy --setup\" and \"proxy --add-site\" write them")};
    }
    auto parsed = parse_json_document(text);
    if (!parsed) {
        return Failure{"is damaged in " + line_of(text, parsed.error().where) +
                       ": copy it once more"};
    }
    const WipedDocument document(std::move(*parsed));
    return join_of(JoinFields(document.value));
}

std::string join_text(const Join& join) {
    nlohmann::ordered_json object;
    object[std::string(kVersionKey)] = kJoinVersion;
    object[std::string(kAboutKey)] =
        "Lets the site \"" + join.id + "\" into the relay " + to_string(join.server) +
        " with: in --join FILE, out --join FILE. Whoever has this file is that site: carry it "
        "over ssh, keep its mode 0600, and keep it nowhere else.";
    object["server"] = to_string(join.server);
    object["pin"] = join.pin;
    object["id"] = join.id;
    object["secret"] = std::string(join.secret.bytes());
    return object.dump(4, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace inout
