#include "common/admin/actions.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include "common/admin/api.hpp"
#include "common/admin/query.hpp"
#include "common/base/counters.hpp"
#include "common/base/log.hpp"
#include "common/config/types.hpp"

namespace inout::admin {
namespace {

/// Which action it is, on what, and who asks for it.
struct Wish {
    const Query& query;
    Doer& doer;
    std::string_view from;
};

void tell(const Wish& wish, std::string_view action, std::string_view what,
          std::string_view result) {
    log::info("admin action",
              {{"action", action}, {"what", what}, {"from", wish.from}, {"result", result}});
}

/// `members`: numbers and words of ours, which need no escapes.
Answer json(unsigned status, const std::string& members) {
    return {.status = status, .body = "{" + members + "}\n", .type = kJsonType};
}

std::string member(std::string_view key, std::uint64_t number) {
    return '"' + std::string(key) + "\":" + std::to_string(number);
}

std::string member(std::string_view key, std::string_view word) {
    return '"' + std::string(key) + "\":\"" + std::string(word) + '"';
}

Answer kick_stream(const Wish& wish) {
    const std::string* const id = wish.query.find("id");
    std::optional<std::uint64_t> number;
    if (id == nullptr) return refusal(400, "id is needed: which stream");
    if (!wish.query.read("number", number)) {
        return refusal(400, "number must be that of a stream in /api/streams");
    }
    const std::size_t kicked = wish.doer.kick_streams(*id, number);
    tell(wish, "kick stream", *id, "streams: " + std::to_string(kicked));
    if (kicked == 0) return refusal(404, "no such stream");
    return json(200, member("kicked", kicked));
}

Answer kick_topic(const Wish& wish) {
    const std::string* const topic = wish.query.find("topic");
    const std::string* const streams = wish.query.find("streams");
    if (topic == nullptr) return refusal(400, "topic is needed: which one");
    if (streams != nullptr && *streams != "keep") return refusal(400, "streams must be keep");
    const auto kicked = wish.doer.kick_topic(*topic, streams != nullptr);
    if (!kicked)
        return refusal(400, "this program has only streams of a topic, and would keep all");
    tell(wish, "kick topic", *topic,
         "registrations: " + std::to_string(kicked->registrations) +
             ", streams: " + std::to_string(kicked->streams));
    if (kicked->registrations + kicked->streams == 0) {
        return refusal(404, "nothing of this topic is here");
    }
    return json(200, member("registrations", kicked->registrations) + "," +
                         member("streams", kicked->streams));
}

Answer drain(const Wish& wish) {
    const bool begun = wish.doer.drain();
    tell(wish, "drain", "", begun ? "begun" : "it drains already");
    if (!begun) return refusal(409, "it drains already");
    return json(202, "\"draining\":true");
}

Answer reload(const Wish& wish) {
    const std::string before = member("reloads", counters().reloads_total.load()) + "," +
                               member("reloads_failed", counters().reloads_failed_total.load());
    const bool begun = wish.doer.reload();
    tell(wish, "reload", "", begun ? "begun" : "it drains");
    if (!begun) return refusal(409, "it drains");
    return json(202, before);
}

/// Told where it can be seen: before the change or, if that makes more to be seen, behind it.
Answer set_level(const Wish& wish) {
    const std::string* const word = wish.query.find("level");
    const auto level = word != nullptr ? parse_log_level(*word) : std::nullopt;
    if (!level) return refusal(400, "level must be debug, info, warning or error");
    const log::Level was = log::level();
    const auto tell_now = [&] {
        tell(wish, "log level", to_string(*level), "was " + std::string(to_string(was)));
    };
    const bool is_seen = log::enabled(log::Level::info);
    if (is_seen) tell_now();
    log::set_level(*level);
    if (!is_seen) tell_now();
    return json(200, member("level", to_string(*level)) + "," + member("was", to_string(was)));
}

struct Action {
    std::string_view path;
    std::vector<std::string_view> parameters;
    Answer (*act)(const Wish& wish);
};

const Action* action_at(std::string_view path) {
    static const Action actions[] = {
        {"/api/streams/kick", {"id", "number"}, kick_stream},
        {"/api/topics/kick", {"topic", "streams"}, kick_topic},
        {"/api/drain", {}, drain},
        {"/api/reload", {}, reload},
        {"/api/log", {"level"}, set_level},
    };
    const auto* const found =
        std::find_if(std::begin(actions), std::end(actions),
                     [path](const Action& action) { return action.path == path; });
    return found == std::end(actions) ? nullptr : found;
}

}  // namespace

bool is_action_path(std::string_view path) { return action_at(path) != nullptr; }

bool is_action(const Request& request) {
    return request.method == "POST" && is_action_path(request.path());
}

bool is_kick(const Request& request) {
    return is_action(request) && request.path().ends_with("/kick");
}

Answer act(const Request& request, Doer& doer, std::string_view from) {
    if (request.has_body) return refusal(413, "parameters stand in the query");
    const Action& action = *action_at(request.path());
    const auto query = Query::parse(request.query(), action.parameters);
    if (!query) return refusal(400, query.error());
    return action.act({*query, doer, from});
}

}  // namespace inout::admin
