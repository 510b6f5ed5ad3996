#include "common/config/new_site.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/base/limits.hpp"
#include "common/config/document.hpp"
#include "common/config/nearest_word.hpp"

namespace inout {
namespace {

constexpr std::string_view kIndent = "            ";

std::string json_string(std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_list(const std::vector<TopicPattern>& patterns) {
    std::string text;
    for (const auto& pattern : patterns) {
        text += (text.empty() ? "" : ", ") + json_string(pattern.text());
    }
    return '[' + text + ']';
}

std::string entry_text(const KeyEntry& site) {
    std::string text =
        "{\"id\": " + json_string(site.id) + ", \"secret_file\": " + json_string(site.secret_file);
    if (!site.permissions.in.empty()) text += ", \"in\": " + json_list(site.permissions.in);
    if (!site.permissions.out.empty()) text += ", \"out\": " + json_list(site.permissions.out);
    return text + '}';
}

/// Names of keys count in any letter case, as when the file is read.
const JsonValue* member_of(const JsonValue& object, std::string_view key, JsonValue::Kind kind) {
    const auto found =
        std::find_if(object.members.begin(), object.members.end(),
                     [&](const auto& member) { return same_but_for_case(member.key, key); });
    const bool good = found != object.members.end() && found->value.kind == kind;
    return good ? &found->value : nullptr;
}

}  // namespace

std::string config_text(const NewRelay& relay) {
    std::string keys;
    for (const KeyEntry& site : relay.sites) {
        keys += (keys.empty() ? "\n" : ",\n") + std::string(kIndent) + entry_text(site);
    }
    return R"(// Written by "proxy --setup". All keys: docs/configuration.md. After a change: proxy --check
// --config FILE, then SIGHUP.
{
    "bind": "::",
    "port": )" +
           std::to_string(relay.port) + R"(,
    // The sites know this key by its hash, the pin. Whoever changes it has to tell them the new one.
    "tls": {"cert": )" +
           json_string(relay.cert) + ", \"key\": " + json_string(relay.key) +
           R"(, "mode": "required"},
    // Who may use ("in") and register ("out") which topics; "#" stands for all. Nobody else may
    // anything.
    "auth": {
        "proof_1": "refuse",
        "keys": [)" +
           keys + R"(
        ]
    }
}
)";
}

Result<std::string, std::string> with_site(std::string_view text, const KeyEntry& site) {
    constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
    const std::size_t skipped = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    const std::string_view json = text.substr(skipped);
    const auto document = parse_json_document(json);
    if (!document) return Failure{"is no configuration: " + document.error().what};
    const JsonValue* const auth = member_of(*document, "auth", JsonValue::Kind::object);
    const JsonValue* const keys =
        auth == nullptr ? nullptr : member_of(*auth, "keys", JsonValue::Kind::array);
    if (keys == nullptr) {
        return Failure{std::string(
            "has no list \"keys\" in \"auth\", to which a site could be added: from the first key "
            "on nobody gets in without one, so write it there yourself (\"auth\": {\"keys\": "
            "[]})")};
    }
    // Right behind the bracket. The comma may stand there even if nothing follows.
    const auto at = skipped + static_cast<std::size_t>(keys->source.data() - json.data()) + 1;
    std::string result(text.substr(0, at));
    result += "\n" + std::string(kIndent) + entry_text(site) + ",";
    result += text.substr(at);
    return result;
}

std::optional<std::string> check_site_name(std::string_view name) {
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (name.size() > kKeyIdMaxBytes) {
        return "must be at most " + std::to_string(kKeyIdMaxBytes) + " bytes long";
    }
    if (name.empty() || name.front() == '.' || name.front() == '-' ||
        name.find_first_not_of(kLetters) != name.npos) {
        return "must be letters, digits, '-', '_' and '.', and begin with neither '.' nor '-': it "
               "is also the name of files";
    }
    return std::nullopt;
}

}  // namespace inout
