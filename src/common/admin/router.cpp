#include "common/admin/router.hpp"

#include <optional>
#include <string_view>

#include "common/admin/actions.hpp"
#include "common/admin/api.hpp"
#include "common/admin/metrics.hpp"
#include "common/admin/query.hpp"
#include "common/base/wall_clock.hpp"

namespace inout::admin {
namespace {

constexpr const char* kNoNumber = "after and before are numbers of another answer, as its \"next\"";

/// Of which part of a list a query asks for; the failure says what is wrong.
std::optional<Answer> read_cut(const Query& query, std::size_t& limit, std::uint64_t& after) {
    if (!query.read("limit", limit) || limit < 1 || limit > kAdminRowsMax) {
        return refusal(400, "limit must be from 1 to " + std::to_string(kAdminRowsMax));
    }
    if (!query.read("after", after)) return refusal(400, kNoNumber);
    return std::nullopt;
}

/// Whom a handler asks.
struct Known {
    Source& source;
    const History& history;
};

Answer health(const Request&, const Known&) { return {.body = "ok\n"}; }

Answer readiness(const Request&, const Known& known) {
    if (const auto reason = known.source.facts().not_ready) return refusal(503, *reason);
    return {.body = "ready\n"};
}

Answer metrics(const Request&, const Known& known) {
    return {.body = metrics_text(known.source.facts(), known.source.streams()),
            .type = kMetricsType};
}

Answer status(const Request&, const Known& known) {
    return {.body = status_json(known.source.facts()), .type = kJsonType};
}

Answer topics(const Request& request, const Known& known) {
    const auto query = Query::parse(request.query(), {"limit", "after"});
    if (!query) return refusal(400, query.error());
    Cut cut;
    if (auto refused = read_cut(*query, cut.limit, cut.after)) return std::move(*refused);
    return {.body = topics_json(known.source.topics(cut)), .type = kJsonType};
}

/// Those that have ended, and those that could not be opened.
Answer recent_ends(const Query& query, Source& source) {
    CutBack cut;
    if (auto refused = read_cut(query, cut.limit, cut.after)) return std::move(*refused);
    if (!query.read("before", cut.before)) return refusal(400, kNoNumber);
    return {.body = recent_ends_json(source.recent_ends(cut), cut.limit), .type = kJsonType};
}

Answer streams(const Request& request, const Known& known) {
    const auto query = Query::parse(request.query(), {"state", "limit", "after", "before"});
    if (!query) return refusal(400, query.error());
    StreamsIn state = StreamsIn::any_state;
    if (const std::string* const wanted = query->find("state")) {
        if (*wanted == "ended") return recent_ends(*query, known.source);
        if (*wanted != "running" && *wanted != "opening") {
            return refusal(400, "state must be running, opening or ended");
        }
        state = *wanted == "running" ? StreamsIn::running : StreamsIn::opening;
    }
    if (query->find("before") != nullptr) return refusal(400, "before is for state=ended alone");
    Cut cut;
    if (auto refused = read_cut(*query, cut.limit, cut.after)) return std::move(*refused);
    return {.body = streams_json(known.source.streams(), state, cut, Clock::now()),
            .type = kJsonType};
}

Answer history(const Request&, const Known& known) {
    return {.body = history_json(known.history, since_boot(), unix_time_ms()), .type = kJsonType};
}

Answer page(const Request&, const Known& known) {
    const Document* const document = known.source.document();
    if (document == nullptr) return refusal(404);
    return {.body = std::string(document->text),
            .type = "text/html; charset=utf-8",
            .policy = document->policy};
}

struct Route {
    std::string_view path;
    Answer (*answer)(const Request& request, const Known& known);
};

constexpr Route kRoutes[] = {
    {"/metrics", metrics},     {"/healthz", health},    {"/readyz", readiness},
    {"/api/status", status},   {"/api/topics", topics}, {"/api/streams", streams},
    {"/api/history", history}, {kPagePath, page},
};

}  // namespace

bool asks_for_streams(const Request& request) {
    return request.path() == "/metrics" || request.path() == "/api/streams";
}

Answer answer(const Request& request, Source& source, const History& history) {
    if (request.target.empty() || request.target.front() != '/') {
        return refusal(400, "the target must be a path");
    }
    if (is_action_path(request.path())) {
        Answer refused = refusal(405);
        refused.more = "Allow: POST\r\n";
        return refused;
    }
    for (const Route& route : kRoutes) {
        if (request.path() != route.path) continue;
        if (request.method == "GET" || request.method == "HEAD") {
            return request.has_body ? refusal(413) : route.answer(request, {source, history});
        }
        Answer refused = refusal(405);
        refused.more = "Allow: GET, HEAD\r\n";
        return refused;
    }
    return refusal(404);
}

}  // namespace inout::admin
