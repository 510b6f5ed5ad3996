// The keys of each program's configuration with their ranges and rules, once for both directions.
//
// Each visit() takes a FieldReader (reader.hpp) or the FieldWriter of types.cpp, which have the
// same members, and walks the keys in the order in which they are printed. types.cpp alone includes
// this. Pure; keeps nothing. Rules are for the reader: a writer ignores what they say.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/scale_limits.hpp"
#include "common/config/access_fields.hpp"
#include "common/config/advice.hpp"
#include "common/config/auth_fields.hpp"
#include "common/config/backend_fields.hpp"
#include "common/config/cluster_fields.hpp"
#include "common/config/listener_fields.hpp"
#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/types.hpp"
#include "common/config/via_fields.hpp"
#include "common/config/websocket_fields.hpp"
#include "common/rules/topic.hpp"

namespace inout {

// The names of the enumerators, in their order.
inline constexpr std::string_view kLevelNames[] = {"debug", "info", "warning", "error"};
inline constexpr std::string_view kFormatNames[] = {"text", "json"};
inline constexpr std::string_view kSwitchNames[] = {"off", "on"};
inline constexpr std::string_view kCompressionNames[] = {"off", "zstd"};
inline constexpr std::string_view kTlsModeNames[] = {"off", "optional", "required"};
inline constexpr std::string_view kTlsVersionNames[] = {"1.2", "1.3"};
inline constexpr std::string_view kSelectServerNames[] = {"first", "round_robin", "random",
                                                          "least_time"};
inline constexpr std::string_view kKeyFormatNames[] = {"new_key", "any"};
inline constexpr std::string_view kDispatchNames[] = {"least_streams", "round_robin", "random",
                                                      "source"};

// --- ranges; durations in milliseconds ---
inline constexpr std::int64_t kDayMs = 86'400'000;
/// For one step of an opening: longer than any slow link needs, shorter than a forgotten one lasts.
inline constexpr Range kStep{100, 600'000};
/// For what repeats, and for how long a running link may be silent.
inline constexpr Range kPeriod{100, kDayMs};
/// The least is what heartbeat_timeout's least needs (visit_heartbeat).
inline constexpr Range kPing{10, kDayMs};
/// Above this a NAT or firewall may forget a quiet connection (RFC 5382, 5 demands two hours; many
/// keep none for longer than this).
inline constexpr std::int64_t kLongPingMs = 300'000;
/// The longest silence that a proxy can be told to bear (docs/protocol.md).
inline constexpr std::int64_t kSilenceBorneMs = 600'000;
/// 0: streams end at once.
inline constexpr Range kDrain{0, kDayMs};
/// 0: never. A day and more for a stream that is left alone.
inline constexpr Range kNeverOr{0, 30 * kDayMs};
/// 0: the kernel's choice. Above it no kernel follows by itself.
inline constexpr Range kStreamBuffer{0, 67'108'864};
inline constexpr Range kThreads{0, 64};
inline constexpr Range kPoolMin{0, kPoolHardMax};
inline constexpr Range kPoolMax{1, kPoolHardMax};
inline constexpr Range kConnections{0, 10'000'000};
inline constexpr Range kHandshakes{1, 1'000'000};
inline constexpr Range kTopics{1, kTopicsMax};
inline constexpr Range kTopicsPerKey{0, kTopicsMax};
inline constexpr Range kWaiting{1, kWaitersMax};
inline constexpr Range kWarm{0, 1'000'000};

// --- entries of a list ---
inline constexpr Range kNetworks{1, 10'000};
/// Of one entry there is more to say than that it is too few.
inline constexpr Range kServers{0, kServersMax};
/// A check walks the whole list, for every stream.
inline constexpr Range kDispatchRules{0, 100};

/// From beyond this machine only with a secret, and only over TLS, or it would be none for long.
template <class Fields>
void visit(Fields& admin, AdminOptions& options) {
    admin.text("unix", options.unix_path, check_file_name);
    if (options.unix_path.empty()) {
        admin.listener("bind", options.listen.host);
        admin.port("port", options.listen.port, 0,
                   admin.good({"unix"}) ? Need::required : Need::optional);
        admin.object("tls", options.tls, [](auto& tls, AdminTls& files) {
            tls.text("cert", files.cert, check_file_name, Need::required);
            tls.text("key", files.key, check_file_name, Need::required);
        });
    } else {
        for (const std::string_view key : {"bind", "port", "tls"}) {
            if (!admin.absent(key)) admin.complain(key, "has no meaning beside \"unix\"");
        }
    }
    admin.text("token_file", options.token_file, check_file_name);
    if (!options.unix_path.empty() || is_loopback(options.listen.host)) return;
    if (!admin.good({"unix", "bind", "tls", "token_file"})) return;
    for (const auto& [key, there] : {std::pair{"tls", options.tls.has_value()},
                                     std::pair{"token_file", !options.token_file.empty()}}) {
        if (!there) {
            admin.complain("bind", "is not loopback: that needs \"" + std::string(key) + "\"");
        }
    }
}

template <class Fields>
void visit_common(Fields& fields, CommonConfig& config) {
    fields.duration("peer_timeout", config.peer_timeout, kPeriod);
    fields.duration("idle_timeout", config.idle_timeout, kNeverOr);
    fields.duration("stall_timeout", config.stall_timeout, kNeverOr);
    fields.count("stream_buffer", config.stream_buffer, kStreamBuffer);
    fields.duration("drain_timeout", config.drain_timeout, kDrain);
    fields.count("threads", config.threads, kThreads);
    fields.object("log", [&](auto& log) {
        log.choice("level", config.log.level, kLevelNames);
        log.choice("format", config.log.format, kFormatNames);
    });
    fields.object("admin", config.admin, [](auto& admin, auto& options) { visit(admin, options); });
}

template <class Fields>
void visit(Fields& tls, TlsClientOptions& options) {
    tls.text("ca", options.ca, check_file_name);
    tls.host("server_name", options.server_name);
    tls.text("cert", options.cert, check_file_name);
    tls.text("key", options.key, check_file_name);
    tls.text("pin", options.pin, check_pin);
    if (!tls.good({"cert", "key"}) || options.cert.empty() == options.key.empty()) return;
    if (options.key.empty()) tls.complain("cert", "needs \"key\", the file of its private key");
    if (options.cert.empty()) tls.complain("key", "needs \"cert\", the file of its certificate");
}

/// How it stands in line at the proxy, and whether for one topic or for all that match.
template <class Fields>
void visit_line(Fields& entry, OutNetwork& network) {
    entry.flag("share", network.share);
    entry.count("weight", network.weight, kWeight);
    entry.flag("pattern", network.pattern);
    if (!entry.good({"share", "weight", "pattern", "topic"})) return;
    if (!network.share && network.weight != 1) {
        entry.complain("weight", "has no meaning without \"share\": true");
    }
    if (network.backend_template && !network.pattern) {
        entry.complain("", "its backend is a template, which needs \"pattern\": true");
    }
    const auto looks_like = TopicPattern::parse(network.topic);
    if (network.pattern && !looks_like) {
        entry.complain("topic", "is no pattern: it " + looks_like.error());
    }
}

/// A registration is at each proxy: those of a service may be others in a minute.
template <class Fields>
void refuse_services(Fields& entry, const std::vector<ServerAddress>& servers) {
    for (const ServerAddress& server : servers) {
        if (!server.is_service()) continue;
        entry.complain("servers", "names the service " + server.text() +
                                      ", which out can not use: name each proxy, HOST:PORT");
    }
}

/// A file without networks runs as no file does, as the original took it.
template <class Fields>
void visit_default(Fields& fields, InConfig& config) {
    config.networks = default_in_config().networks;
    const InNetwork& network = config.networks.front();
    fields.warn("", "there are no \"networks\": in listens on " + to_string(network.listen) +
                        " for the topic \"" + network.topic + "\" at " + to_string(network.server));
}
template <class Fields>
void visit_default(Fields& fields, OutConfig& config) {
    config.networks = default_out_config().networks;
    const OutNetwork& network = config.networks.front();
    fields.warn("", "there are no \"networks\": out offers " + to_string(network.backend) +
                        " as the topic \"" + network.topic + "\" at " + to_string(network.server));
}

/// Pings have to be more frequent than the silence that somebody bears. Files from before this rule
/// run: with Pings as often as they need to be.
template <class Fields>
void visit_heartbeat(Fields& fields, OutConfig& config) {
    if (!fields.good({"heartbeat_interval", "heartbeat_timeout"})) return;
    const std::int64_t interval = config.heartbeat_interval.count();
    const std::int64_t timeout = config.heartbeat_timeout.count();
    const std::int64_t borne = std::min(timeout, kSilenceBorneMs);
    if (interval < borne) {
        if (interval <= kLongPingMs) return;
        fields.warn("heartbeat_interval",
                    std::to_string(interval) +
                        " is long: a NAT or a firewall may forget the connection between two "
                        "Pings, and a dead one is noticed late");
        return;
    }
    // The original's proxy answers every other Ping.
    config.heartbeat_interval = Milliseconds{std::max<std::int64_t>(borne / 3, kPing.min)};
    const std::string why = borne == timeout
                                ? "heartbeat_timeout (" + std::to_string(timeout) + ")"
                                : "the " + std::to_string(borne) + " that a proxy bears";
    fields.warn(fields.has("heartbeat_interval") ? "heartbeat_interval" : "heartbeat_timeout",
                "the interval of Pings, " + std::to_string(interval) + ", is not below " + why +
                    ": out pings every " + std::to_string(config.heartbeat_interval.count()) +
                    " ms");
}

/// Says what is off without saying so; asked at the end, when all is known.
template <class Fields, class Config>
void visit_advice(Fields& fields, const Config& config) {
    for (const auto& [key, what] : security_advice(config)) fields.warn(key, what);
}

/// How in and out reach a proxy: at the top of the file and in a network alike.
template <class Fields, class Config>
void visit_credentials(Fields& fields, Config& config) {
    fields.object("tls", config.tls, [](auto& tls, auto& options) { visit(tls, options); });
    fields.object("auth", config.auth, [](auto& auth, KeyOptions& options) {
        auth.text("id", options.id, check_key_id, Need::required);
        auth.text("secret_file", options.secret_file, check_file_name, Need::required);
    });
    visit_via(fields, config.via);
    visit_websocket(fields, config.websocket);
}

/// One proxy, or a list of them: never both.
template <class Fields, class Network>
void visit_servers(Fields& entry, Network& network) {
    entry.absent("servers");
    if (network.servers.empty() && !entry.has("servers")) {
        entry.host("server_host", network.server.host, Need::required);
        entry.port("server_port", network.server.port, 1, Need::required);
        return;
    }
    entry.values("servers", network.servers, kServers);
    for (const std::string_view key : {"server_host", "server_port"}) {
        if (!entry.absent(key)) entry.complain(key, "has no meaning beside \"servers\"");
    }
    if (!entry.good({"servers"})) return;
    if (network.servers.empty()) entry.complain("servers", "must name at least one server");
    if (const auto twice = find_duplicate(network.servers); !twice.empty()) {
        entry.complain("servers", "names " + twice + " twice");
    }
}

template <class Fields>
void visit(Fields& fields, InConfig& config) {
    Listeners listeners;
    std::size_t places = 0;
    const auto visit_network = [&](auto& entry, InNetwork& network) {
        visit_servers(entry, network);
        entry.choice("select", network.select, kSelectServerNames);
        entry.duration("fail_timeout", network.fail_timeout, kStep);
        visit_listener(entry, network);
        visit_topics(entry, network);
        visit_credentials(entry, network);
        entry.object("e2e", network.e2e, [](auto& e2e, E2eOptions& options) {
            e2e.text("key_file", options.key_file, check_file_name, Need::required);
            e2e.choice("key_format", options.key_format, kKeyFormatNames);
        });
        entry.choice("compression", network.compression, kCompressionNames);
        visit_rate(entry, network.rate);
        visit_comers(entry, network);
        own_places(entry, network, listeners, places);
    };
    if (fields.absent("networks")) {
        visit_default(fields, config);
    } else {
        fields.list("networks", config.networks, kNetworks, visit_network);
    }
    visit_credentials(fields, config);
    visit_access(fields, config.access);
    fields.values("trusted", config.trusted, kAddressRanges);
    check_proxy_protocol(fields, config);
    fields.duration("connect_timeout", config.connect_timeout, kStep);
    fields.duration("open_timeout", config.open_timeout, kStep);
    fields.object("limits", [&](auto& limits) {
        limits.count("streams_per_client", config.streams_per_client, kConnections);
    });
    fields.choice("select", config.select, kSelectServerNames);
    fields.duration("fail_timeout", config.fail_timeout, kStep);
    fields.choice("first_look", config.first_look, kSwitchNames);
    visit_common(fields, config);
}

template <class Fields>
void visit(Fields& fields, OutConfig& config) {
    Owners registrations;
    const auto visit_network = [&](auto& entry, OutNetwork& network) {
        visit_servers(entry, network);
        refuse_services(entry, network.servers);
        visit_backends(entry, network);
        visit_topic(entry, network.topic);
        visit_line(entry, network);
        visit_credentials(entry, network);
        entry.object("e2e", network.e2e, [](auto& e2e, E2eOptions& options) {
            e2e.text("key_file", options.key_file, check_file_name, Need::required);
            e2e.text("also_accept", options.also_accept, check_file_name);
            e2e.choice("key_format", options.key_format, kKeyFormatNames);
        });
        check_exit(entry, network);
        entry.choice("compression", network.compression, kCompressionNames);
        visit_rate(entry, network.rate);
        if (!entry.good({"servers", "server_host", "server_port", "topic"})) return;
        for (const ServerAddress& at : servers_of(network)) {
            const auto [owner, fresh] =
                registrations.emplace(to_string(at.key()) + " " + network.topic, entry.path());
            if (fresh) continue;
            entry.complain("", "registers \"" + network.topic + "\" with " + at.text() +
                                   ", which " + owner->second + " does already");
        }
    };
    if (fields.absent("networks")) {
        visit_default(fields, config);
    } else {
        fields.list("networks", config.networks, kNetworks, visit_network);
    }
    visit_credentials(fields, config);
    fields.duration_near("retry_interval", config.retry_interval, kPeriod, 0);
    fields.duration_near("heartbeat_interval", config.heartbeat_interval, kPing, 1);
    fields.duration_near("heartbeat_timeout", config.heartbeat_timeout, kPeriod, 1);
    visit_heartbeat(fields, config);
    fields.duration("connect_timeout", config.connect_timeout, kStep);
    fields.duration("open_timeout", config.open_timeout, kStep);
    visit_common(fields, config);
}

template <class Fields>
void visit(Fields& tls, TlsServerOptions& options) {
    tls.choice("mode", options.mode, kTlsModeNames);
    const Need need = options.mode == TlsMode::off ? Need::optional : Need::required;
    tls.text("cert", options.cert, check_file_name, need);
    tls.text("key", options.key, check_file_name, need);
    tls.text("client_ca", options.client_ca, check_file_name);
    tls.choice("min_version", options.min_version, kTlsVersionNames);
    if (options.mode == TlsMode::off && !options.client_ca.empty()) {
        tls.complain("client_ca", "needs another mode: in \"off\" no client shows a certificate");
    }
}

template <class Fields>
void visit(Fields& fields, ProxyLimits& limits) {
    fields.count("connections", limits.connections, kConnections);
    fields.count("handshakes", limits.handshakes, kHandshakes);
    fields.count("per_source", limits.per_source, kHandshakes);
    fields.count("streams_per_topic", limits.streams_per_topic, kConnections);
    fields.count("streams_per_key", limits.streams_per_key, kConnections);
    fields.count("topics_per_key", limits.topics_per_key, kTopicsPerKey);
    fields.count("topics", limits.topics, kTopics);
    fields.count("waiting", limits.waiting, kWaiting);
    fields.count("warm", limits.warm, kWarm);
}

template <class Fields>
void visit(Fields& fields, ProxyConfig& config) {
    fields.listener("bind", config.listen.host);
    fields.port("port", config.listen.port, 0, Need::optional);
    fields.object("tls", config.tls, [](auto& tls, auto& options) { visit(tls, options); });
    fields.object("auth", config.auth, [](auto& auth, auto& options) { visit(auth, options); });
    const bool any_cert = config.auth && !config.auth->certs.empty();
    const bool certs_asked_for = config.tls && !config.tls->client_ca.empty();
    if (fields.good({"tls", "auth"}) && any_cert && !certs_asked_for) {
        fields.complain("auth", "\"certs\" need tls.client_ca, or no client shows a certificate");
    }
    visit_cluster(fields, config.cluster);
    visit_access(fields, config.access);
    fields.values("trusted", config.trusted, kAddressRanges);
    fields.flag("proxy_protocol", config.proxy_protocol);
    check_proxy_protocol(fields, "proxy_protocol", config.proxy_protocol, config.trusted);
    visit_websocket(fields, config.websocket);
    fields.duration("heartbeat_timeout", config.heartbeat_timeout, kPeriod);
    fields.duration("handshake_timeout", config.handshake_timeout, kStep);
    // Files from before TLS may have a shorter handshake_timeout than this one's default.
    config.tls_timeout = std::min(config.tls_timeout, config.handshake_timeout);
    fields.duration("tls_timeout", config.tls_timeout, kStep);
    fields.at_most("tls_timeout", config.tls_timeout.count(), "handshake_timeout",
                   config.handshake_timeout.count());
    fields.duration("open_timeout", config.open_timeout, kStep);
    fields.duration("answer_timeout", config.answer_timeout, kStep);
    fields.object("pool", [&](auto& pool) {
        pool.count("min", config.pool_min, kPoolMin);
        pool.count("max", config.pool_max, kPoolMax);
        pool.at_most("min", config.pool_min, "max", config.pool_max);
    });
    fields.list("dispatch", config.dispatch, kDispatchRules, [](auto& entry, DispatchRule& rule) {
        entry.values("topics", rule.topics, kPatterns);
        entry.choice("by", rule.by, kDispatchNames);
    });
    fields.object("limits", [&](auto& limits) { visit(limits, config.limits); });
    visit_common(fields, config);
}

}  // namespace inout
