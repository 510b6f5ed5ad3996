#include "common/admin/router.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "common/admin/actions.hpp"
#include "common/admin/api.hpp"
#include "common/admin/metrics.hpp"
#include "common/base/wall_clock.hpp"

namespace inout::admin {
namespace {

/// The value of a key in a query (`a=1&b=2`) as it is written; nothing here needs more. Each key
/// that is taken is taken out of `query`.
std::optional<std::string_view> take(std::vector<std::string_view>& query, std::string_view key) {
    for (auto at = query.begin(); at != query.end(); ++at) {
        if (!at->starts_with(key) || at->substr(key.size(), 1) != "=") continue;
        const std::string_view value = at->substr(key.size() + 1);
        query.erase(at);
        return value;
    }
    return std::nullopt;
}

std::vector<std::string_view> parts_of(std::string_view query) {
    std::vector<std::string_view> parts;
    while (!query.empty()) {
        const auto end = std::min(query.find('&'), query.size());
        if (end > 0) parts.push_back(query.substr(0, end));
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return parts;
}

template <class Number>
bool read(std::string_view text, Number& number) {
    const char* const end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && at == end;
}

/// The rest of a query: `limit`, `after`, and `before` where there is one; the failure says what is
/// wrong.
std::optional<Answer> take_cut(std::vector<std::string_view>& query, std::size_t& limit,
                               std::uint64_t& after, std::uint64_t* before = nullptr) {
    const auto wanted = take(query, "limit"), from = take(query, "after");
    const auto to = before != nullptr ? take(query, "before") : std::nullopt;
    if (wanted && (!read(*wanted, limit) || limit < 1 || limit > kAdminRowsMax)) {
        return refusal(400, "limit must be from 1 to " + std::to_string(kAdminRowsMax));
    }
    if ((from && !read(*from, after)) || (to && !read(*to, *before))) {
        return refusal(400, "after and before are numbers of another answer, as its \"next\"");
    }
    if (!query.empty()) return refusal(400, "the query has a key that is unknown here, or twice");
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
    auto query = parts_of(request.query());
    Cut cut;
    if (auto refused = take_cut(query, cut.limit, cut.after)) return std::move(*refused);
    return {.body = topics_json(known.source.topics(cut)), .type = kJsonType};
}

/// Those that have ended, and those that could not be opened.
Answer recent_ends(std::vector<std::string_view> query, Source& source) {
    CutBack cut;
    if (auto refused = take_cut(query, cut.limit, cut.after, &cut.before)) {
        return std::move(*refused);
    }
    return {.body = recent_ends_json(source.recent_ends(cut), cut.limit), .type = kJsonType};
}

Answer streams(const Request& request, const Known& known) {
    auto query = parts_of(request.query());
    StreamsIn state = StreamsIn::any_state;
    if (const auto wanted = take(query, "state")) {
        if (*wanted == "ended") return recent_ends(query, known.source);
        if (*wanted != "running" && *wanted != "opening") {
            return refusal(400, "state must be running, opening or ended");
        }
        state = *wanted == "running" ? StreamsIn::running : StreamsIn::opening;
    }
    Cut cut;
    if (auto refused = take_cut(query, cut.limit, cut.after)) return std::move(*refused);
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
