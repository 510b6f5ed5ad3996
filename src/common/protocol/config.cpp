#include "common/protocol/config.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/protocol/config_reader.hpp"

namespace inout {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kNetworksMax = 10'000;

constexpr std::string_view kLevelNames[] = {"debug", "info", "warning", "error"};
constexpr std::string_view kFormatNames[] = {"text", "json"};

// --- ranges; durations in milliseconds ---
constexpr std::int64_t kDayMs = 86'400'000;
/// For one step of an opening: longer than any slow link needs, shorter than a forgotten one lasts.
constexpr Range kStep{100, 600'000};
/// For what repeats, and for how long a running link may be silent.
constexpr Range kPeriod{100, kDayMs};
/// 0: streams end at once.
constexpr Range kDrain{0, kDayMs};
constexpr Range kThreads{0, 64};
constexpr Range kPoolMin{0, kPoolHardMax};
constexpr Range kPoolMax{1, kPoolHardMax};
constexpr Range kConnections{0, 10'000'000};
constexpr Range kHandshakes{1, 1'000'000};
constexpr Range kTopics{1, kTopicsMax};
constexpr Range kWaiting{1, kWaitersMax};
constexpr Range kWarm{0, 1'000'000};

/// Writes fields as FieldReader reads them.
class FieldWriter {
  public:
    explicit FieldWriter(OrderedJson& object) : object_(object) { object_ = OrderedJson::object(); }

    void host(std::string_view key, std::string& host, Need = Need::optional) { put(key, host); }
    void port(std::string_view key, std::uint16_t port, std::uint16_t, Need) { put(key, port); }
    void topic(std::string_view key, std::string& topic) { put(key, topic); }
    void duration(std::string_view key, Milliseconds time, Range) { put(key, time.count()); }
    template <class Unsigned>
    void count(std::string_view key, Unsigned amount, Range) {
        put(key, amount);
    }
    template <class Enum>
    void choice(std::string_view key, Enum chosen, std::span<const std::string_view> names) {
        put(key, names[static_cast<std::size_t>(chosen)]);
    }
    template <class Visit>
    void object(std::string_view key, Visit visit) {
        FieldWriter fields(object_[std::string(key)]);
        visit(fields);
    }
    template <class Item, class Visit>
    void list(std::string_view key, std::vector<Item>& items, std::size_t, Visit visit) {
        OrderedJson& array = object_[std::string(key)] = OrderedJson::array();
        for (Item& item : items) {
            FieldWriter fields(array.emplace_back());
            visit(fields, item);
        }
    }

    /// Nothing is checked on the way out.
    static bool good(std::initializer_list<std::string_view>) { return false; }
    static void less(std::string_view, std::int64_t, std::string_view, std::int64_t) {}
    static void at_most(std::string_view, std::size_t, std::string_view, std::size_t) {}
    static std::string path() { return {}; }
    static void complain(std::string_view, std::string_view) {}

  private:
    template <class Value>
    void put(std::string_view key, const Value& value) {
        object_[std::string(key)] = value;
    }
    OrderedJson& object_;
};

/// The entries seen so far, by something that only one of them may have.
using Owners = std::map<std::string, std::string>;

/// The listening addresses of one file. Two clash if bind(2) would refuse the second: the same one,
/// or a specific one beside a wildcard of its family, where [::] is both families' (bindv6only 0,
/// ipv6(7)). A name may mean either family; what it resolves to is not known here.
class Listeners {
  public:
    /// The path of an entry that `listen` clashes with; otherwise `path` now owns it.
    std::optional<std::string> add(const HostPort& listen, const std::string& path) {
        if (listen.port == 0) return std::nullopt;
        const std::string host = canonical_host(listen.host);
        const bool ipv4_or_name = host.find(':') == std::string::npos;
        const auto at_port = [&](const std::string& what) {
            return what + " " + std::to_string(listen.port);
        };

        std::vector<std::string> clashing{at_port(host), at_port("::")};
        if (ipv4_or_name) clashing.push_back(at_port("0.0.0.0"));
        if (host == "::") clashing.push_back(at_port("any"));
        if (host == "0.0.0.0") clashing.push_back(at_port("any IPv4"));
        for (const auto& key : clashing) {
            if (const auto owner = owners_.find(key); owner != owners_.end()) return owner->second;
        }

        owners_.emplace(at_port(host), path);
        owners_.emplace(at_port("any"), path);
        if (ipv4_or_name) owners_.emplace(at_port("any IPv4"), path);
        return std::nullopt;
    }

  private:
    Owners owners_;
};

// --- the keys of each program, once for reading and writing ---

template <class Fields>
void visit_common(Fields& fields, CommonConfig& config) {
    fields.duration("peer_timeout", config.peer_timeout, kPeriod);
    fields.duration("drain_timeout", config.drain_timeout, kDrain);
    fields.count("threads", config.threads, kThreads);
    fields.object("log", [&](auto& log) {
        log.choice("level", config.log.level, kLevelNames);
        log.choice("format", config.log.format, kFormatNames);
    });
}

template <class Fields>
void visit(Fields& fields, InConfig& config) {
    Listeners listeners;
    fields.list("networks", config.networks, kNetworksMax, [&](auto& entry, InNetwork& network) {
        entry.host("server_host", network.server.host, Need::required);
        entry.port("server_port", network.server.port, 1, Need::required);
        entry.host("bind", network.listen.host);
        entry.port("port", network.listen.port, 0, Need::required);
        entry.topic("topic", network.topic);
        if (!entry.good({"bind", "port"})) return;
        if (const auto other = listeners.add(network.listen, entry.path())) {
            entry.complain("", "listens on " + to_string(network.listen) + ", which " + *other +
                                   " has already");
        }
    });
    fields.duration("connect_timeout", config.connect_timeout, kStep);
    fields.duration("open_timeout", config.open_timeout, kStep);
    visit_common(fields, config);
}

template <class Fields>
void visit(Fields& fields, OutConfig& config) {
    Owners registrations;
    fields.list("networks", config.networks, kNetworksMax, [&](auto& entry, OutNetwork& network) {
        entry.host("server_host", network.server.host, Need::required);
        entry.port("server_port", network.server.port, 1, Need::required);
        entry.host("backend_host", network.backend.host, Need::required);
        entry.port("backend_port", network.backend.port, 1, Need::required);
        entry.topic("topic", network.topic);
        if (!entry.good({"server_host", "server_port", "topic"})) return;
        const HostPort server{canonical_host(network.server.host), network.server.port};
        const auto [owner, fresh] =
            registrations.emplace(to_string(server) + " " + network.topic, entry.path());
        if (!fresh) {
            entry.complain("", "registers \"" + network.topic + "\" with " +
                                   to_string(network.server) + ", which " + owner->second +
                                   " does already");
        }
    });
    fields.duration("retry_interval", config.retry_interval, kPeriod);
    fields.duration("heartbeat_interval", config.heartbeat_interval, kPeriod);
    fields.duration("heartbeat_timeout", config.heartbeat_timeout, kPeriod);
    fields.less("heartbeat_interval", config.heartbeat_interval.count(), "heartbeat_timeout",
                config.heartbeat_timeout.count());
    fields.duration("connect_timeout", config.connect_timeout, kStep);
    fields.duration("open_timeout", config.open_timeout, kStep);
    visit_common(fields, config);
}

template <class Fields>
void visit(Fields& fields, ProxyConfig& config) {
    fields.host("bind", config.listen.host);
    fields.port("port", config.listen.port, 0, Need::optional);
    fields.duration("heartbeat_timeout", config.heartbeat_timeout, kPeriod);
    fields.duration("handshake_timeout", config.handshake_timeout, kStep);
    fields.duration("open_timeout", config.open_timeout, kStep);
    fields.duration("answer_timeout", config.answer_timeout, kStep);
    fields.object("pool", [&](auto& pool) {
        pool.count("min", config.pool_min, kPoolMin);
        pool.count("max", config.pool_max, kPoolMax);
        pool.at_most("min", config.pool_min, "max", config.pool_max);
    });
    fields.object("limits", [&](auto& limits) {
        limits.count("connections", config.limits.connections, kConnections);
        limits.count("handshakes", config.limits.handshakes, kHandshakes);
        limits.count("topics", config.limits.topics, kTopics);
        limits.count("waiting", config.limits.waiting, kWaiting);
        limits.count("warm", config.limits.warm, kWarm);
    });
    visit_common(fields, config);
}

// --- in and out ---

template <class Config>
Result<Config, ConfigProblems> parse(std::string_view text, std::string_view file) {
    if (text.size() > kConfigMaxBytes) {
        return Failure{ConfigProblems{std::string(file) + ": is larger than " +
                                      std::to_string(kConfigMaxBytes) + " bytes"}};
    }
    // Editors on Windows put a byte order mark in front; RFC 8259, 8.1 allows to ignore it.
    if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);

    Problems problems(text, file);
    Config config;
    const auto document = parse_json_document(text);
    if (!document) {
        problems.add(document.error().where, "", document.error().what);
    } else if (document.value().kind != JsonValue::Kind::object) {
        problems.add(document.value().source, "", "the configuration must be an object, { … }");
    } else {
        FieldReader fields(document.value(), "", problems);
        visit(fields, config);
        fields.finish();
    }
    if (!problems.empty()) return Failure{problems.lines()};
    return config;
}

template <class Config>
std::string write(Config config) {
    OrderedJson object;
    FieldWriter fields(object);
    visit(fields, config);
    // A value that did not come from a file may hold bytes that are not UTF-8: mended, not thrown
    // at.
    return object.dump(4, ' ', false, OrderedJson::error_handler_t::replace);
}

template <class Enum, std::size_t size>
std::optional<Enum> from_name(const std::string_view (&names)[size], std::string_view name) {
    const auto* const found = std::find(std::begin(names), std::end(names), name);
    if (found == std::end(names)) return std::nullopt;
    return static_cast<Enum>(found - std::begin(names));
}

HostPort loopback(std::uint16_t port) { return {"127.0.0.1", port}; }

}  // namespace

Result<InConfig, ConfigProblems> parse_in_config(std::string_view text, std::string_view file) {
    return parse<InConfig>(text, file);
}
Result<OutConfig, ConfigProblems> parse_out_config(std::string_view text, std::string_view file) {
    return parse<OutConfig>(text, file);
}
Result<ProxyConfig, ConfigProblems> parse_proxy_config(std::string_view text,
                                                       std::string_view file) {
    return parse<ProxyConfig>(text, file);
}

InConfig default_in_config() {
    InConfig config;
    config.networks.push_back({loopback(40'001), loopback(40'002), "default"});
    return config;
}
OutConfig default_out_config() {
    OutConfig config;
    config.networks.push_back({loopback(40'001), loopback(40'003), "default"});
    return config;
}
ProxyConfig default_proxy_config() { return {}; }

std::string to_json(const InConfig& config) { return write(config); }
std::string to_json(const OutConfig& config) { return write(config); }
std::string to_json(const ProxyConfig& config) { return write(config); }

std::optional<log::Level> parse_log_level(std::string_view name) {
    return from_name<log::Level>(kLevelNames, name);
}
std::optional<log::Format> parse_log_format(std::string_view name) {
    return from_name<log::Format>(kFormatNames, name);
}

}  // namespace inout
