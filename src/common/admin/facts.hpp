// What a program tells of itself, as plain values, and whoever knows them. The table of what is
// counted names each counter once, for the metrics and for the status. Any thread.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/base/counters.hpp"
#include "common/base/limits.hpp"
#include "common/relay/recent_ends.hpp"
#include "common/relay/stream_table.hpp"
#include "common/rules/validity.hpp"

namespace inout::admin {

/// How many bytes somebody may carry, and has carried.
struct QuotaFact {
    std::string key{};  ///< "key office"
    std::uint64_t bytes = 0, used = 0;
    std::string_view per{};                   ///< "total", "month"
    std::optional<std::int64_t> resets_ms{};  ///< when the month ends, in Unix time
    bool closed = false;                      ///< nobody knows how much was used
};

/// A proxy that in uses.
struct ServerFact {
    std::string server{};
    bool up = false;  ///< it answered when it was asked last
};

/// One of several backends of a topic, or one that is asked whether it works.
struct BackendFact {
    std::string topic{}, backend{};
    std::string_view state{};  ///< "up", "resting", "down"
    std::uint64_t streams = 0;
};

/// The directory of a proxy's cluster. What is counted has been since the start.
struct ClusterFact {
    std::string name{};
    bool up = false;                                          ///< NATS can be reached
    std::string server{};                                     ///< which server; empty: none
    std::int64_t since_ms = 0;                                ///< in that state; Unix time
    std::uint64_t found = 0, no_topic = 0, no_directory = 0;  ///< look-ups, by how they ended
    std::uint64_t questions = 0, answers = 0;                 ///< messages sent
    std::uint64_t lost = 0;                                   ///< that could not be sent
    std::uint64_t cached_topics = 0, subscriptions = 0;       ///< now
    std::int64_t round_trip_us = 0;                           ///< to the server and back
};

/// Of the process, as it is now.
struct Facts {
    std::string program{}, version{};
    std::int64_t started_ms = 0;  ///< Unix time
    Milliseconds uptime{};
    bool draining = false;
    Milliseconds drain_left{};  ///< what running streams still have
    std::string last_reload = "none";
    bool reload_failed = false;
    std::string_view log_level{};
    std::optional<std::size_t> open_descriptors{};  ///< nothing: the system does not tell
    std::size_t descriptor_limit = 0;
    std::vector<Validity> certificates{};
    std::vector<QuotaFact> quotas{};         ///< of the proxy's keys
    std::string quota_problem{};             ///< what is wrong with the file where they are kept
    std::vector<ServerFact> servers{};       ///< in: at most kMetricsTopicsMax of them
    std::vector<BackendFact> backends{};     ///< out: at most kMetricsTopicsMax of them
    std::optional<ClusterFact> cluster{};    ///< proxy: of one that is in a cluster
    std::optional<std::string> not_ready{};  ///< why it can not do its work now
};

/// A line of /api/topics, or of another list: keys with their values, in their order. A value may
/// be a list of such lines.
using Plain = std::variant<std::string, std::int64_t, bool>;
using PlainRow = std::vector<std::pair<std::string_view, Plain>>;
using Value = std::variant<std::string, std::int64_t, bool, std::vector<PlainRow>>;
using Row = std::vector<std::pair<std::string_view, Value>>;

/// A part of a list, in an order that stays: what comes later has a higher number.
struct Page {
    std::vector<Row> rows{};
    std::optional<std::uint64_t> next{};  ///< there is more after this number
};

/// Which part: what comes after this number, at most so many.
struct Cut {
    std::uint64_t after = 0;
    std::size_t limit = kAdminRowsMax;
};

/// The same of a list that has the newest first: what comes before this number.
struct CutBack {
    std::uint64_t after = 0, before = std::numeric_limits<std::uint64_t>::max();
    std::size_t limit = kAdminRowsMax;
};

/// A page for people to look at: HTML, and what a browser may do with it (its
/// Content-Security-Policy). There for ever.
struct Document {
    std::string_view text, policy;
};

class Source {
  public:
    virtual ~Source() = default;
    virtual Facts facts() = 0;
    /// Those of all workers that are here now, in no order.
    virtual StreamTable::Records streams() = 0;
    /// Those that are gone, the newest first.
    virtual RecentEnds::Ends recent_ends(const CutBack& cut) = 0;
    /// A proxy's registrations; the networks of in and out.
    virtual Page topics(const Cut& cut) = 0;
    /// What it shows at `/`; nothing: no page.
    virtual const Document* document() { return nullptr; }
};

struct NamedCounter {
    std::string_view name;    ///< in the log's status, and in /api/status
    std::string_view metric;  ///< behind `inout_`; a `…_total` only rises. Empty: none
    std::string_view help;
    Counter Counters::*counter;
    /// As they stand between the braces. Counters of one metric follow one another.
    std::string_view labels{};
};

inline constexpr std::string_view kBytesHelp =
    "Bytes of streams: up from client to backend, down the other way.";
inline constexpr NamedCounter kCounted[] = {
    {"streams", "streams", "Streams that are relayed now.", &Counters::streams},
    {"opening", "streams_opening", "Streams that are being opened now.", &Counters::opening},
    {"sockets", "connections", "Connections of any kind.", &Counters::sockets},
    {"pipes", "pipes", "Relay pipes, in use or idle.", &Counters::pipes},
    {"parked", "parked_connections", "Parked data connections (proxy).", &Counters::parked},
    {"warm", "spare_connections", "Spare connections between in and proxy.", &Counters::warm},
    {"controls", "registrations", "Registrations (proxy).", &Counters::controls},
    {"topics", "topics", "Topics with a registration (proxy).", &Counters::topics},
    {"topics_held", "topics_held", "Networks that hold their topic (out).", &Counters::topics_held},
    {"topics_waiting", "topics_waiting", "Networks that wait behind another out (out).",
     &Counters::topics_waiting},
    {"topics_unregistered", "topics_unregistered", "Networks that are not registered (out).",
     &Counters::topics_unregistered},
    {"tasks", "tasks", "Coroutines.", &Counters::tasks},
    {"streams_total", "streams_opened_total", "Streams opened.", &Counters::streams_total},
    {"failed_total", "", "By reason: inout_streams_failed_total.", &Counters::failed_total},
    {"bytes_up_total", "stream_bytes_total", kBytesHelp, &Counters::bytes_up, "direction=\"up\""},
    {"bytes_down_total", "stream_bytes_total", kBytesHelp, &Counters::bytes_down,
     "direction=\"down\""},
    {"refused_total", "connections_refused_total",
     "Connections refused at or before their first message (proxy), or by allow and deny (in).",
     &Counters::refused_total},
    {"denied_total", "requests_denied_total", "Requests without permission (proxy).",
     &Counters::denied_total},
    {"evicted_total", "strangers_evicted_total", "Strangers that made room for newer ones (proxy).",
     &Counters::evicted_total},
    {"monitors_total", "monitors_total", "Connections that left without a word (proxy).",
     &Counters::monitors_total},
    {"framing_errors_total", "framing_errors_total",
     "Peers whose frames of a stream broke the rules.", &Counters::framing_errors_total},
    {"hops_to_total", "hops_to_total", "Streams that went on to another proxy (proxy).",
     &Counters::hops_to_total},
    {"hops_from_total", "hops_from_total", "Streams that came over another proxy (proxy).",
     &Counters::hops_from_total},
    {"probes_total", "probes_total", "Probes of a doctor that were answered (proxy, out).",
     &Counters::probes_total},
    {"reloads_total", "reloads_total", "Configurations taken into use while running.",
     &Counters::reloads_total},
    {"reloads_failed_total", "reloads_failed_total", "Configurations that could not be.",
     &Counters::reloads_failed_total},
    {"lines_held", "log_lines_held_total", "Log lines held back, because there were too many.",
     &Counters::lines_held},
    {"lines_lost", "log_lines_lost_total", "Log lines for which there was no room.",
     &Counters::lines_lost},
};

}  // namespace inout::admin
