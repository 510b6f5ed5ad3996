#include "common/admin/router.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "common/admin/api.hpp"
#include "common/admin/metrics.hpp"

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

/// `limit` and `after`; the failure says what is wrong.
std::optional<Answer> take_cut(std::vector<std::string_view>& query, Cut& cut) {
    const auto limit = take(query, "limit"), after = take(query, "after");
    if (limit && (!read(*limit, cut.limit) || cut.limit < 1 || cut.limit > kAdminRowsMax)) {
        return refusal(400, "limit must be from 1 to " + std::to_string(kAdminRowsMax));
    }
    if (after && !read(*after, cut.after)) {
        return refusal(400, "after must be the \"next\" of another answer");
    }
    if (!query.empty()) return refusal(400, "the query has a key that is unknown here, or twice");
    return std::nullopt;
}

Answer health(const Request&, Source&) { return {.body = "ok\n"}; }

Answer readiness(const Request&, Source& source) {
    if (const auto reason = source.facts().not_ready) return refusal(503, *reason);
    return {.body = "ready\n"};
}

Answer metrics(const Request&, Source& source) {
    return {.body = metrics_text(source.facts(), source.streams()), .type = kMetricsType};
}

Answer status(const Request&, Source& source) {
    return {.body = status_json(source.facts()), .type = kJsonType};
}

Answer topics(const Request& request, Source& source) {
    auto query = parts_of(request.query());
    Cut cut;
    if (auto refused = take_cut(query, cut)) return std::move(*refused);
    return {.body = topics_json(source.topics(cut)), .type = kJsonType};
}

Answer streams(const Request& request, Source& source) {
    auto query = parts_of(request.query());
    StreamsIn state = StreamsIn::any_state;
    if (const auto wanted = take(query, "state")) {
        if (*wanted != "running" && *wanted != "opening") {
            return refusal(400, "state must be running or opening");
        }
        state = *wanted == "running" ? StreamsIn::running : StreamsIn::opening;
    }
    Cut cut;
    if (auto refused = take_cut(query, cut)) return std::move(*refused);
    return {.body = streams_json(source.streams(), state, cut, Clock::now()), .type = kJsonType};
}

struct Route {
    std::string_view path;
    Answer (*answer)(const Request& request, Source& source);
};

constexpr Route kRoutes[] = {
    {"/metrics", metrics},   {"/healthz", health},    {"/readyz", readiness},
    {"/api/status", status}, {"/api/topics", topics}, {"/api/streams", streams},
};

}  // namespace

bool asks_for_streams(const Request& request) {
    return request.path() == "/metrics" || request.path() == "/api/streams";
}

Answer answer(const Request& request, Source& source) {
    if (request.target.empty() || request.target.front() != '/') {
        return refusal(400, "the target must be a path");
    }
    for (const Route& route : kRoutes) {
        if (request.path() != route.path) continue;
        if (request.method == "GET" || request.method == "HEAD") {
            return request.has_body ? refusal(413) : route.answer(request, source);
        }
        Answer refused = refusal(405);
        refused.more = "Allow: GET, HEAD\r\n";
        return refused;
    }
    return refusal(404);
}

}  // namespace inout::admin
