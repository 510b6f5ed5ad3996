#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "common/admin/api.hpp"
#include "common/admin/metrics.hpp"
#include "common/admin/router.hpp"

namespace inout::admin::answers_test {
namespace {

using nlohmann::json;

std::shared_ptr<StreamRecord> stream_of(std::string id, std::string topic) {
    return std::make_shared<StreamRecord>(std::move(id), std::move(topic), "1.2.3.4:5", Endpoint());
}

std::shared_ptr<StreamRecord> open_stream(std::string topic, std::uint64_t up = 0,
                                          std::uint64_t down = 0) {
    auto stream = stream_of("id", std::move(topic));
    stream->opened(Endpoint());
    stream->has_moved(StreamLeg::client, up);
    stream->has_moved(StreamLeg::service, down);
    return stream;
}

bool has(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

struct Known : Source {
    Facts facts() override { return {.program = "proxy", .not_ready = not_ready}; }
    StreamTable::Records streams() override { return records; }
    Page topics(const Cut& cut) override {
        asked = cut;
        return {.rows = {{{"topic", std::string("a\xff")}, {"parked", std::int64_t{3}}}},
                .next = 7};
    }
    RecentEnds::Ends recent_ends(const CutBack& cut) override {
        return ends.newest(cut.after, cut.before, cut.limit);
    }
    const Document* document() override { return shown; }
    const Document* shown = nullptr;
    std::optional<std::string> not_ready;
    RecentEnds ends;
    StreamTable::Records records;
    Cut asked;
};

Answer ask(Source& source, std::string target, std::string method = "GET") {
    return answer({.method = std::move(method), .target = std::move(target)}, source, {});
}

TEST(Metrics, LabelsAreEscaped) {
    EXPECT_EQ(escaped_label("a\"b\\c"), "a\\\"b\\\\c");
    EXPECT_EQ(escaped_label("a\nb"), "a\\\\u000ab");
    EXPECT_EQ(escaped_label("\xff"), "\\\\xff");
    EXPECT_EQ(escaped_label("größe"), "größe");
}

TEST(Metrics, TellOfAClusterIfThereIsOne) {
    EXPECT_EQ(metrics_text({}, {}).find("inout_cluster"), std::string::npos);
    EXPECT_EQ(status_json({}).find("\"cluster\""), std::string::npos);
    Facts facts;
    facts.cluster = ClusterFact{.name = "prod",
                                .up = true,
                                .server = "nats://h:1",
                                .found = 3,
                                .no_topic = 2,
                                .no_directory = 1,
                                .cached_topics = 7};
    const std::string text = metrics_text(facts, {});
    EXPECT_TRUE(has(text, "inout_cluster_up 1"));
    EXPECT_TRUE(has(text, "inout_cluster_lookups_total{result=\"found\"} 3"));
    EXPECT_TRUE(has(text, "inout_cluster_lookups_total{result=\"no_topic\"} 2"));
    EXPECT_TRUE(has(text, "inout_cluster_lookups_total{result=\"no_directory\"} 1"));
    EXPECT_TRUE(has(text, "inout_cluster_cached_topics 7"));
    EXPECT_NE(status_json(facts).find("\"server\":\"nats://h:1\""), std::string::npos);
    facts.cluster->up = false;
    EXPECT_TRUE(has(metrics_text(facts, {}), "inout_cluster_up 0"));
    EXPECT_EQ(status_json(facts).find("\"server\""), std::string::npos);
}

TEST(Metrics, SumUpATopicsRunningStreams) {
    const std::string text =
        metrics_text({}, {open_stream("a", 1, 10), open_stream("a", 2, 20),
                          open_stream("b \"x\"", 5, 0), stream_of("id", "not open")});
    EXPECT_TRUE(has(text, "inout_topic_streams{topic=\"a\"} 2"));
    EXPECT_TRUE(has(text, "inout_topic_stream_bytes{topic=\"a\",direction=\"up\"} 3"));
    EXPECT_TRUE(has(text, "inout_topic_stream_bytes{topic=\"a\",direction=\"down\"} 30"));
    EXPECT_TRUE(has(text, "inout_topic_streams{topic=\"b \\\"x\\\"\"} 1"));
    EXPECT_EQ(text.find("not open"), std::string::npos);
}

TEST(Metrics, OnlySoManyTopicsHaveFiguresOfTheirOwn) {
    StreamTable::Records records{open_stream("other", 1), open_stream("other", 1)};
    for (std::size_t i = 0; i < kMetricsTopicsMax + 5; ++i) {
        records.push_back(open_stream("t" + std::to_string(i), 1));
    }
    const std::string text = metrics_text({}, records);
    std::multiset<std::string> lines;
    for (std::size_t at = 0; (at = text.find("inout_topic_streams{", at)) != text.npos; ++at) {
        lines.insert(text.substr(at, text.find('\n', at) - at));
    }
    EXPECT_EQ(lines.size(), kMetricsTopicsMax + 1);
    EXPECT_EQ(lines.count("inout_topic_streams{topic=\"other\"} 7"), 1U);
}

TEST(Metrics, OneFileHasOneCertificate) {
    const std::string text =
        metrics_text({.certificates = {{.key = "tls.cert", .file = "a", .ends_s = 5},
                                       {.key = "admin.tls.cert", .file = "a", .ends_s = 4}}},
                     {});
    EXPECT_TRUE(has(text, "inout_certificate_not_after_seconds{file=\"a\"} 4"));
}

TEST(Router, SaysWhetherItIsReady) {
    Known source;
    EXPECT_EQ(ask(source, "/readyz").status, 200U);
    source.not_ready = "why";
    EXPECT_EQ(ask(source, "/readyz").status, 503U);
    EXPECT_EQ(ask(source, "/readyz").body, "why\n");
    EXPECT_EQ(ask(source, "/healthz").status, 200U);
}

TEST(Router, RefusesWhatItDoesNotKnow) {
    Known source;
    EXPECT_EQ(ask(source, "/").status, 404U);
    EXPECT_EQ(ask(source, "*").status, 400U);
    EXPECT_EQ(ask(source, "/metrics", "POST").status, 405U);
    EXPECT_EQ(ask(source, "/metrics", "POST").more, "Allow: GET, HEAD\r\n");
    for (const char* query : {"limit=0", "limit=1001", "limit=", "limit=1x", "after=-1", "odd",
                              "after=99999999999999999999", "limit=1&limit=1", "state=running"}) {
        EXPECT_EQ(ask(source, std::string("/api/topics?") + query).status, 400U) << query;
    }
    EXPECT_EQ(ask(source, "/api/topics?limit=5&&after=3").status, 200U);
    EXPECT_EQ(source.asked.limit, 5U);
    EXPECT_EQ(source.asked.after, 3U);
    EXPECT_EQ(ask(source, "/api/topics?%6cimit=%31%30").status, 200U);
    EXPECT_EQ(source.asked.limit, 10U);
    EXPECT_EQ(ask(source, "/api/topics?limit=%zz").status, 400U);
    EXPECT_EQ(ask(source, "/api/streams?before=5").status, 400U) << "where nothing has ended";
    EXPECT_EQ(ask(source, "/api/streams?state=%65nded&before=5").status, 200U);
}

TEST(Router, ShowsThePageOfAProgramThatHasOne) {
    Known source;
    EXPECT_EQ(ask(source, "/").status, 404U);
    const Document page{.text = "<p>", .policy = "script-src 'self'"};
    source.shown = &page;
    const Answer answer = ask(source, "/");
    EXPECT_EQ(answer.body, "<p>");
    const std::string text = written(answer, false, false);
    EXPECT_NE(text.find("\r\nContent-Type: text/html; charset=utf-8\r\n"), text.npos);
    EXPECT_NE(text.find("\r\nContent-Security-Policy: script-src 'self'\r\n"), text.npos);
    EXPECT_EQ(text.find("default-src"), text.npos);
    EXPECT_EQ(ask(source, "/", "POST").status, 405U);
}

TEST(Router, TellsTheHistoryByItsAge) {
    History history;
    history.add(Milliseconds{0}, {});
    history.add(2 * kHistoryStep, {.bytes_up = 20, .bytes_down = 40, .opened = 4, .failed = 2});
    const auto told = json::parse(history_json(history, Milliseconds{25'000}, 1'000'000));
    EXPECT_EQ(told["interval_ms"], 10'000);
    ASSERT_EQ(told["points"].size(), 2U);
    EXPECT_EQ(told["points"][0]["at_ms"], 985'000);
    EXPECT_EQ(told["points"][1], json({{"at_ms", 995'000},
                                       {"bytes_up", 10},
                                       {"bytes_down", 20},
                                       {"opened", 2},
                                       {"failed", 1}}));
}

TEST(Router, MendsWhatIsNoText) {
    Known source;
    source.records = {stream_of("\xff", "t\"")};
    const auto topics = json::parse(ask(source, "/api/topics").body);
    EXPECT_EQ(topics["topics"][0]["parked"], 3);
    EXPECT_EQ(topics["next"], "7");
    const auto streams = json::parse(ask(source, "/api/streams").body);
    EXPECT_EQ(streams["streams"][0]["topic"], "t\"");
    EXPECT_FALSE(streams["streams"][0].contains("service_peer"));
}

TEST(Streams, ComeInPagesUntilThereIsNoMore) {
    StreamTable::Records records;
    for (int i = 0; i < 10; ++i) records.insert(records.begin(), stream_of(std::to_string(i), "t"));
    Cut cut{.limit = 4};
    std::vector<std::string> seen;
    for (int pages = 1;; ++pages) {
        const auto page =
            json::parse(streams_json(records, StreamsIn::any_state, cut, Clock::now()));
        for (const auto& stream : page["streams"]) seen.push_back(stream["id"]);
        if (!page.contains("next")) {
            EXPECT_EQ(pages, 3);
            break;
        }
        cut.after = std::stoull(page["next"].get<std::string>());
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
    EXPECT_EQ(streams_json(records, StreamsIn::running, {}, Clock::now()), "{\"streams\":[]}\n");
}

TEST(Answer, HasNoBodyForHead) {
    const std::string text = written(refusal(404), true, true);
    EXPECT_TRUE(text.starts_with("HTTP/1.1 404 Not Found\r\n"));
    EXPECT_NE(text.find("Content-Length: 10\r\n"), std::string::npos);
    EXPECT_TRUE(text.ends_with("Connection: close\r\n\r\n"));
}

}  // namespace
}  // namespace inout::admin::answers_test
