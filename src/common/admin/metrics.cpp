#include "common/admin/metrics.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "common/base/utf8.hpp"

namespace inout::admin {
namespace {

constexpr std::string_view kOther = "other";

class Text {
  public:
    void begin(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        text_ += "# HELP ";
        text_ += name;
        text_ += ' ';
        text_ += help;
        text_ += "\n# TYPE ";
        text_ += name;
        text_ += ' ';
        text_ += type;
        text_ += '\n';
    }
    /// One value of it; `labels` as they stand between the braces.
    void value(std::string_view value, std::string_view labels = {}) {
        text_ += name_;
        if (!labels.empty()) {
            text_ += '{';
            text_ += labels;
            text_ += '}';
        }
        text_ += ' ';
        text_ += value;
        text_ += '\n';
    }
    void value(std::uint64_t number, std::string_view labels = {}) {
        value(std::to_string(number), labels);
    }
    void one(std::string_view name, std::string_view type, std::string_view help,
             std::uint64_t number) {
        begin(name, type, help);
        value(number);
    }
    std::string take() { return std::move(text_); }

  private:
    std::string text_, name_;
};

std::string label(std::string_view key, std::string_view value) {
    return std::string(key) + "=\"" + escaped_label(value) + '"';
}

std::string seconds(std::int64_t milliseconds) {
    const std::string fraction = std::to_string(1'000 + milliseconds % 1'000);
    return std::to_string(milliseconds / 1'000) + "." + fraction.substr(1);
}

void write_process(Text& text, const Facts& facts) {
    text.begin("inout_build_info", "gauge", "The program and its version.");
    text.value(1, label("program", facts.program) + "," + label("version", facts.version));
    text.begin("process_start_time_seconds", "gauge", "When it began, in Unix time.");
    text.value(seconds(facts.started_ms));
    if (facts.open_descriptors) {
        text.one("process_open_fds", "gauge", "File descriptors that are open.",
                 *facts.open_descriptors);
    }
    text.one("process_max_fds", "gauge", "File descriptors that may be open.",
             facts.descriptor_limit);
    text.one("inout_ready", "gauge", "1 if it can do its work, as /readyz says.",
             facts.not_ready ? 0 : 1);
    text.one("inout_draining", "gauge", "1 while it ends and running streams have their time.",
             facts.draining ? 1 : 0);
    text.one("inout_last_reload_successful", "gauge",
             "0 if the last attempt to read the configuration again has failed.",
             facts.reload_failed ? 0 : 1);
}

void write_certificates(Text& text, const Facts& facts) {
    std::map<std::string, std::int64_t> ends;  // one file may stand under several keys
    for (const Validity& validity : facts.certificates) {
        const auto [at, fresh] = ends.emplace(validity.file, validity.ends_s);
        if (!fresh) at->second = std::min(at->second, validity.ends_s);
    }
    if (ends.empty()) return;
    text.begin("inout_certificate_not_after_seconds", "gauge",
               "When a certificate ends, in Unix time.");
    for (const auto& [file, end] : ends) text.value(std::to_string(end), label("file", file));
}

void write_counters(Text& text) {
    std::string_view last;
    for (const NamedCounter& each : kCounted) {
        if (each.metric.empty()) continue;
        if (each.metric != std::exchange(last, each.metric)) {
            text.begin("inout_" + std::string(each.metric),
                       each.metric.ends_with("_total") ? "counter" : "gauge", each.help);
        }
        text.value((counters().*each.counter).load(), each.labels);
    }
}

/// Each reason from the start, or the first of its kind would be no increase.
void write_reasons(Text& text) {
    text.begin("inout_streams_failed_total", "counter", "Streams that could not be opened.");
    for (const auto& [word, count] : failed_by_reason()) text.value(count, label("reason", word));
    text.begin("inout_streams_ended_total", "counter", "Streams that were open and have ended.");
    for (const auto& [word, count] : ended_by_reason()) text.value(count, label("reason", word));
}

void write_quotas(Text& text, const Facts& facts) {
    if (facts.quotas.empty()) return;
    std::vector<QuotaFact> fullest = facts.quotas;
    const auto left = [](const QuotaFact& quota) {
        return quota.used >= quota.bytes
                   ? 0.0
                   : 1.0 - static_cast<double>(quota.used) / static_cast<double>(quota.bytes);
    };
    std::stable_sort(fullest.begin(), fullest.end(),
                     [left](const auto& a, const auto& b) { return left(a) < left(b); });
    fullest.resize(std::min(fullest.size(), kMetricsTopicsMax));
    text.begin("inout_quota_bytes", "gauge", "Bytes that the streams of a key may carry (proxy).");
    for (const QuotaFact& quota : fullest) text.value(quota.bytes, label("key", quota.key));
    text.begin("inout_quota_used_bytes", "gauge", "Of these, bytes that were carried.");
    for (const QuotaFact& quota : fullest) text.value(quota.used, label("key", quota.key));
}

void write_servers(Text& text, const Facts& facts) {
    if (facts.servers.empty()) return;
    text.begin("inout_server_up", "gauge", "1 if a proxy answered when it was asked last (in).");
    for (const auto& each : facts.servers)
        text.value(each.up ? 1 : 0, label("server", each.server));
}

void write_backends(Text& text, const Facts& facts) {
    if (facts.backends.empty()) return;
    const auto labels = [](const BackendFact& each) {
        return label("topic", each.topic) + "," + label("backend", each.backend);
    };
    text.begin("inout_backend_up", "gauge",
               "1 if a backend gets streams; 0 while it is down, or rests (out).");
    for (const auto& each : facts.backends) text.value(each.state == "up" ? 1 : 0, labels(each));
    text.begin("inout_backend_streams", "gauge", "Streams that a backend has now (out).");
    for (const auto& each : facts.backends) text.value(each.streams, labels(each));
}

void write_cluster(Text& text, const std::optional<ClusterFact>& cluster) {
    if (!cluster) return;
    text.one("inout_cluster_up", "gauge", "1 if the cluster's directory, NATS, can be reached.",
             cluster->up ? 1 : 0);
    text.begin("inout_cluster_lookups_total", "counter",
               "Streams that looked for a topic at other proxies, by what came of it.");
    text.value(cluster->found, "result=\"found\"");
    text.value(cluster->no_topic, "result=\"no_topic\"");
    text.value(cluster->no_directory, "result=\"no_directory\"");
    text.one("inout_cluster_questions_total", "counter", "Questions to the other proxies.",
             cluster->questions);
    text.one("inout_cluster_answers_total", "counter", "Answers to the other proxies.",
             cluster->answers);
    text.one("inout_cluster_messages_lost_total", "counter",
             "Messages to the other proxies that could not be sent.", cluster->lost);
    text.one("inout_cluster_cached_topics", "gauge", "Topics of other proxies that are known.",
             cluster->cached_topics);
}

struct Topic {
    std::string_view name;
    std::uint64_t streams = 0, up = 0, down = 0;

    void add(const Topic& other) {
        streams += other.streams;
        up += other.up;
        down += other.down;
    }
};

/// Of streams that run: the most used topics, and `other` at the end if there are more.
std::vector<Topic> topics_of(const StreamTable::Records& streams) {
    std::map<std::string_view, Topic> by_name;
    for (const auto& stream : streams) {
        if (stream->state() == StreamState::opening) continue;
        by_name[stream->topic].add({.streams = 1,
                                    .up = stream->bytes_from(StreamLeg::client),
                                    .down = stream->bytes_from(StreamLeg::service)});
    }
    Topic other{.name = kOther};
    bool any_other = false;
    std::vector<Topic> topics;
    for (auto& [name, topic] : by_name) {
        topic.name = name;
        topics.push_back(topic);
    }
    std::sort(topics.begin(), topics.end(), [](const Topic& a, const Topic& b) {
        return a.streams != b.streams ? a.streams > b.streams : a.name < b.name;
    });
    std::vector<Topic> shown;
    for (const Topic& topic : topics) {
        // One that is really called so counts with the others: no label may come twice.
        if (shown.size() < kMetricsTopicsMax && topic.name != kOther) {
            shown.push_back(topic);
        } else {
            other.add(topic);
            any_other = true;
        }
    }
    if (any_other) shown.push_back(other);
    return shown;
}

void write_topics(Text& text, const StreamTable::Records& streams) {
    const auto topics = topics_of(streams);
    if (topics.empty()) return;
    text.begin("inout_topic_streams", "gauge", "Streams of a topic that are relayed now.");
    for (const Topic& topic : topics) text.value(topic.streams, label("topic", topic.name));
    text.begin(
        "inout_topic_stream_bytes", "gauge",
        "Bytes that the streams of a topic that are relayed now have carried so far: up from "
        "client to backend, down the other way.");
    for (const Topic& topic : topics) {
        const std::string name = label("topic", topic.name);
        text.value(topic.up, name + ",direction=\"up\"");
        text.value(topic.down, name + ",direction=\"down\"");
    }
}

}  // namespace

std::string escaped_label(std::string_view value) {
    // A well-formed text has nothing that is escaped here, so that no two look alike.
    const std::string readable = visible(value);
    std::string text;
    for (const char c : readable) {
        if (c == '\\' || c == '"') text += '\\';
        text += c;
    }
    return text;
}

std::string metrics_text(const Facts& facts, const StreamTable::Records& streams) {
    Text text;
    write_process(text, facts);
    write_certificates(text, facts);
    write_counters(text);
    write_reasons(text);
    write_quotas(text, facts);
    write_servers(text, facts);
    write_backends(text, facts);
    write_cluster(text, facts.cluster);
    write_topics(text, streams);
    return text.take();
}

}  // namespace inout::admin
