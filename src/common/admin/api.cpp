#include "common/admin/api.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/net/connection.hpp"

namespace inout::admin {
namespace {

using Json = nlohmann::ordered_json;

/// A text of a peer may hold bytes that are not UTF-8: mended, not thrown at.
std::string written(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::int64_t milliseconds(Clock::duration time) {
    return std::chrono::duration_cast<Milliseconds>(time).count();
}

std::string_view name_of(StreamState state) {
    switch (state) {
        case StreamState::opening: return "opening";
        case StreamState::open: return "open";
        case StreamState::ending: break;
    }
    return "ending";
}

/// One that came to a UNIX socket has no address.
std::string client_peer_of(const StreamRecord& record) {
    const Endpoint& peer = record.client_peer();
    return peer.port() == 0 ? record.client : to_string(peer);
}

/// A UNIX socket has a name only.
void add_service(Json& json, const StreamRecord& record, const Endpoint& peer) {
    const auto& [kind, name] = record.destination();
    json["service_peer"] = name && peer.port() == 0 ? *name : to_string(peer);
    if (name) json[kind] = *name;
    if (record.tries() > 1) json["tries"] = record.tries();
    if (const Hop* const hop = record.hop()) {
        json["via"] = hop->via;
        json["origin"] = hop->origin;
    }
}

Json to_json(const StreamRecord& record, Clock::time_point now) {
    Json json{{"id", record.id},
              {"number", std::to_string(number_of(record))},
              {"topic", record.topic},
              {"client", record.client},
              {"client_peer", client_peer_of(record)}};
    if (const auto peer = record.service_peer()) add_service(json, record, *peer);
    json["state"] = name_of(record.state());
    json["age_ms"] = std::max<std::int64_t>(milliseconds(now - record.arrived), 0);
    json["bytes_up"] = record.bytes_from(StreamLeg::client);
    json["bytes_down"] = record.bytes_from(StreamLeg::service);
    return json;
}

Json to_json(const RecentEnd& end) {
    const StreamRecord& record = *end.stream;
    Json json{{"number", std::to_string(end.number)},
              {"id", record.id},
              {"topic", record.topic},
              {"client", record.client},
              {"client_peer", client_peer_of(record)}};
    if (end.opened) add_service(json, record, *record.service_peer());
    json["state"] = end.opened ? "ended" : "failed";
    json["reason"] = end.reason;
    json["detail"] = end.detail;
    json["ended_ms"] = end.ended_ms;
    if (end.opened) json["open_ms"] = milliseconds(*end.opened - record.arrived);
    json["age_ms"] = milliseconds(end.ended - record.arrived);
    json["bytes_up"] = record.bytes_from(StreamLeg::client);
    json["bytes_down"] = record.bytes_from(StreamLeg::service);
    return json;
}

Json to_json(const CountsByReason& counts) {
    Json json = Json::object();
    for (const auto& [word, count] : counts) json[std::string(word)] = count;
    return json;
}

Json to_json(const std::vector<QuotaFact>& quotas) {
    Json list = Json::array();
    for (const QuotaFact& quota : quotas) {
        Json& json = list.emplace_back(Json{{"key", quota.key},
                                            {"bytes", quota.bytes},
                                            {"used", quota.used},
                                            {"per", quota.per},
                                            {"closed", quota.closed}});
        if (quota.resets_ms) json["resets_ms"] = *quota.resets_ms;
    }
    return list;
}

Json to_json(const ClusterFact& cluster) {
    Json json{{"name", cluster.name},
              {"up", cluster.up},
              {"since_ms", cluster.since_ms},
              {"found", cluster.found},
              {"no_topic", cluster.no_topic},
              {"no_directory", cluster.no_directory},
              {"questions", cluster.questions},
              {"answers", cluster.answers},
              {"messages_lost", cluster.lost},
              {"cached_topics", cluster.cached_topics},
              {"subscriptions", cluster.subscriptions},
              {"round_trip_us", cluster.round_trip_us}};
    if (cluster.up) json["server"] = cluster.server;
    return json;
}

bool is_in(const StreamRecord& record, StreamsIn state) {
    if (state == StreamsIn::any_state) return true;
    return (record.state() == StreamState::opening) == (state == StreamsIn::opening);
}

template <class Value>
Json value_json(const Value& value) {
    return value;
}
Json value_json(const std::vector<PlainRow>& rows) {
    Json list = Json::array();
    for (const PlainRow& row : rows) {
        Json& object = list.emplace_back(Json::object());
        for (const auto& [key, value] : row) {
            std::visit([&, name = key](const auto& v) { object[std::string(name)] = v; }, value);
        }
    }
    return list;
}

}  // namespace

std::uint64_t number_of(const StreamRecord& record) {
    return static_cast<std::uint64_t>(record.arrived.time_since_epoch().count());
}

std::string status_json(const Facts& facts) {
    Json json{{"program", facts.program},
              {"version", facts.version},
              {"started_ms", facts.started_ms},
              {"uptime_ms", facts.uptime.count()},
              {"ready", !facts.not_ready},
              {"draining", facts.draining},
              {"drain_left_ms", facts.drain_left.count()},
              {"last_reload", facts.last_reload},
              {"log_level", facts.log_level}};
    if (facts.not_ready) json["reason"] = *facts.not_ready;
    if (facts.open_descriptors) json["open_descriptors"] = *facts.open_descriptors;
    json["descriptor_limit"] = facts.descriptor_limit;
    Json& counted = json["counters"] = Json::object();
    for (const NamedCounter& each : kCounted) {
        counted[std::string(each.name)] = (counters().*each.counter).load();
    }
    json["ended"] = to_json(ended_by_reason());
    json["failed"] = to_json(failed_by_reason());
    Json& certificates = json["certificates"] = Json::array();
    for (const Validity& validity : facts.certificates) {
        certificates.push_back({{"key", validity.key},
                                {"file", validity.file},
                                {"begins_s", validity.begins_s},
                                {"ends_s", validity.ends_s}});
    }
    if (!facts.quotas.empty()) json["quotas"] = to_json(facts.quotas);
    if (!facts.quota_problem.empty()) json["quota_problem"] = facts.quota_problem;
    if (facts.cluster) json["cluster"] = to_json(*facts.cluster);
    return written(json);
}

std::string topics_json(const Page& page) {
    Json json{{"topics", Json::array()}};
    for (const Row& row : page.rows) {
        Json& object = json["topics"].emplace_back(Json::object());
        for (const auto& [key, value] : row) {
            std::visit(
                [&, name = key](const auto& v) { object[std::string(name)] = value_json(v); },
                value);
        }
    }
    if (page.next) json["next"] = std::to_string(*page.next);
    return written(json);
}

std::string history_json(const History& history, Milliseconds now, std::int64_t unix_ms) {
    Json json{{"interval_ms", kHistoryStep.count()}, {"points", Json::array()}};
    for (const auto& [end, moved] : history.points()) {
        // By its age: when the clock of the machine is set, the points go with it.
        json["points"].push_back({{"at_ms", unix_ms - (now - end).count()},
                                  {"bytes_up", moved.bytes_up},
                                  {"bytes_down", moved.bytes_down},
                                  {"opened", moved.opened},
                                  {"failed", moved.failed}});
    }
    return written(json);
}

std::string streams_json(StreamTable::Records records, StreamsIn state, const Cut& cut,
                         Clock::time_point now) {
    std::erase_if(records, [&](const auto& record) {
        return number_of(*record) <= cut.after || !is_in(*record, state);
    });
    const auto earlier = [](const auto& a, const auto& b) { return number_of(*a) < number_of(*b); };
    std::size_t size = std::min(records.size(), cut.limit);
    std::partial_sort(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(size),
                      records.end(), earlier);
    const bool more = records.size() > size;
    Json json{{"streams", Json::array()}};
    for (std::size_t i = 0; i < size; ++i) json["streams"].push_back(to_json(*records[i], now));
    if (more && size > 0) json["next"] = std::to_string(number_of(*records[size - 1]));
    return written(json);
}

std::string recent_ends_json(const RecentEnds::Ends& ends, std::size_t limit) {
    Json json{{"streams", Json::array()}};
    for (const auto& end : ends) json["streams"].push_back(to_json(*end));
    // There may be more: what is asked for then tells.
    if (ends.size() == limit) json["next"] = std::to_string(ends.back()->number);
    return written(json);
}

}  // namespace inout::admin
