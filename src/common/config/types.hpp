// The three programs' configurations: types with their defaults, JSON in, JSON out.
//
// A configuration is a value: parsed, then read only; a reload makes another one. No I/O and no
// clock; the caller reads the file. Parsing never throws; whatever is in the text, the answer is a
// configuration that keeps every rule, or the list of what is wrong. Keys and their ranges stand in
// fields.hpp, one line each; the file format (comments, trailing commas) in document.hpp. All
// durations are milliseconds. Any thread may read one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/address_range.hpp"
#include "common/base/host_port.hpp"
#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/result.hpp"
#include "common/base/socket_access.hpp"
#include "common/base/websocket_url.hpp"
#include "common/config/backend_options.hpp"
#include "common/config/cluster_options.hpp"
#include "common/config/server_list.hpp"
#include "common/config/via_options.hpp"
#include "common/config/websocket_options.hpp"
#include "common/rules/backend_template.hpp"
#include "common/rules/permissions.hpp"
#include "common/rules/topic_names.hpp"
#include "common/tls/options.hpp"

namespace inout {

struct LogOptions {
    log::Level level = log::Level::info;
    log::Format format = log::Format::text;

    bool operator==(const LogOptions&) const = default;
};

/// Who in and out are for the proxy.
struct KeyOptions {
    std::string id, secret_file;

    auto operator<=>(const KeyOptions&) const = default;
};

/// What an end-to-end key has to look like.
enum class KeyFormat {
    new_key,  ///< as --new-key writes it
    any,      ///< also one that a person made up, which can be guessed
};

/// Encryption between in and out, through the proxy. The file is written by `in --new-key FILE`.
struct E2eOptions {
    std::string key_file;
    std::string also_accept;  ///< out: a second key that is valid too, for a change of keys
    KeyFormat key_format = KeyFormat::new_key;

    bool operator==(const E2eOptions&) const = default;
};

/// Which addresses may connect, in CIDR. Denied beats allowed; an empty `allow` allows all.
struct AccessLists {
    std::vector<AddressRange> allow, deny;

    bool operator==(const AccessLists&) const = default;
};

/// Certificate and key of a listener for HTTP, files (PEM).
struct AdminTls {
    std::string cert, key;

    bool operator==(const AdminTls&) const = default;
};

/// Where a program answers over HTTP how it is: at an address, or at a UNIX socket.
struct AdminOptions {
    std::string unix_path;  ///< empty: at `listen`
    /// Port 0: the kernel chooses.
    HostPort listen{"127.0.0.1", 0};
    std::optional<AdminTls> tls;
    std::string token_file;  ///< what who asks must know, where that is asked for

    bool operator==(const AdminOptions&) const = default;
};

/// What all three programs have.
struct CommonConfig {
    /// A leg whose peer acknowledges nothing for this long, with bytes under way, is reset.
    Milliseconds peer_timeout{30'000};
    /// A stream in which nothing moves for this long is reset; 0: never.
    Milliseconds idle_timeout{0};
    /// The same if bytes wait for a side that takes none; 0: never.
    Milliseconds stall_timeout{0};
    /// Bytes that the kernel may hold in each direction of a connection; 0: as many as it likes.
    std::size_t stream_buffer = 0;
    /// What running streams get after SIGTERM.
    Milliseconds drain_timeout{10'000};
    /// Worker threads; 0: one for every two processors.
    unsigned threads = 0;
    LogOptions log;
    /// Nothing: it answers nobody.
    std::optional<AdminOptions> admin;

    bool operator==(const CommonConfig&) const = default;
};

/// Loopback: nginx on the same host.
std::vector<AddressRange> default_trusted();

enum class Switch { off, on };

/// Which server of a network a client's stream goes to, of those that work.
enum class SelectServer {
    first,        ///< the first of the list
    round_robin,  ///< in turn
    random,
    least_time,  ///< the one that opens streams fastest
};

/// Where an entry with a range of ports stands in the file, and its topic as written.
struct PortOfRange {
    std::size_t entry;
    std::string topic;

    bool operator==(const PortOfRange&) const = default;
};

/// Whether streams are compressed between in and out, where both want that.
enum class Compression { off, zstd };

struct InNetwork {
    HostPort server;
    /// Where clients come; port 0: the kernel chooses.
    HostPort listen{"127.0.0.1", 0};
    std::string topic = "default";
    /// Nothing: what stands at the top of the file.
    std::optional<TlsClientOptions> tls;
    std::optional<KeyOptions> auth;
    std::optional<ViaOptions> via;
    std::optional<WebSocketOptions> websocket;
    std::optional<E2eOptions> e2e;
    /// Of all its streams together.
    std::optional<RateOptions> rate;
    /// Its own `allow` or `deny` replaces the one at the top of the file.
    std::optional<std::vector<AddressRange>> allow, deny;
    /// Several proxies that serve it alike; empty: `server` alone.
    std::vector<ServerAddress> servers{};
    std::optional<SelectServer> select{};
    std::optional<Milliseconds> fail_timeout{};
    /// Who is trusted tells first whose connection it is.
    bool proxy_protocol = false;
    /// Where clients come instead of `listen`; empty: there. A path.
    std::string bind_unix{};
    SocketAccess access{};  ///< of that
    /// A listener at each of these instead of `listen.port`, with `{port}` in the topic for it.
    std::optional<PortRange> ports{};
    /// Clients say a host's name, which says the topic; `topic` is for people then.
    std::optional<TopicNames> names{};
    /// Of a network that was made of such a range (port_ranges.hpp).
    std::optional<PortOfRange> of_range{};
    Compression compression = Compression::off;

    bool operator==(const InNetwork&) const = default;
};

/// Where a network's clients come, for people: `host:port`, `host:first-last`, or `unix:` and the
/// path.
std::string place_text(const InNetwork& network);

/// All servers of a network of in or out, in their order.
template <class Network>
std::vector<ServerAddress> servers_of(const Network& network) {
    if (network.servers.empty()) return {ServerAddress(network.server)};
    return network.servers;
}
/// The same for people: with a comma between each two.
template <class Network>
std::string servers_text(const Network& network) {
    return text_of(servers_of(network));
}

struct InConfig : CommonConfig {
    std::vector<InNetwork> networks;
    /// For the networks that have none of their own.
    std::optional<TlsClientOptions> tls;
    std::optional<KeyOptions> auth;
    std::optional<ViaOptions> via;
    std::optional<WebSocketOptions> websocket;
    AccessLists access;
    /// Who speaks for clients at the networks with `proxy_protocol`.
    std::vector<AddressRange> trusted = default_trusted();
    /// For one dial of the proxy, look-up included.
    Milliseconds connect_timeout{5'000};
    /// From the client's arrival to the proxy's answer. Longer than all that can happen meanwhile:
    /// the dial, the proxy's wait for a data connection and its answer_timeout.
    Milliseconds open_timeout{20'000};
    /// Running and opening streams of one client address (IPv6: one /64); 0: no limit.
    std::size_t streams_per_client = 0;
    /// For networks with several servers that have none of their own. A server that failed rests
    /// for `fail_timeout`, and each further time twice as long, up to RestRule::kMax.
    SelectServer select = SelectServer::first;
    Milliseconds fail_timeout{10'000};
    /// At start each proxy is asked whether it would serve us, and the answer is logged.
    Switch first_look = Switch::on;

    bool operator==(const InConfig&) const = default;
};

struct OutNetwork {
    HostPort server;
    /// Without `backend_unix` and `backends`.
    HostPort backend;
    std::string topic = "default";
    /// Streams are spread over the outs that share a topic, by weight (1 to kWeightMax).
    bool share = false;
    unsigned weight = 1;
    /// The topic is a pattern: all topics that match are served.
    bool pattern = false;
    /// Nothing: what stands at the top of the file.
    std::optional<TlsClientOptions> tls;
    std::optional<KeyOptions> auth;
    std::optional<ViaOptions> via;
    std::optional<WebSocketOptions> websocket;
    std::optional<E2eOptions> e2e;
    /// Of all its streams together.
    std::optional<RateOptions> rate;
    /// It registers with each; empty: with `server`.
    std::vector<ServerAddress> servers{};
    std::string backend_unix{};  ///< empty: at `backend`
    /// Of a pattern: where each of its topics goes, instead of all to `backend`.
    std::optional<BackendTemplate> backend_template{};
    /// Instead of all of these: where its clients want to go.
    std::optional<ExitOptions> exit{};
    std::vector<BackendOptions> backends{};
    Balance balance = Balance::round_robin;
    /// How long one of `backends` that failed is left alone, at first; 0: not at all.
    Milliseconds fail_timeout{10'000};
    /// Nothing: backends are not asked.
    std::optional<HealthOptions> health{};
    /// How each connection to a backend begins.
    ProxyProtocol proxy_protocol = ProxyProtocol::off;
    Compression compression = Compression::off;

    bool operator==(const OutNetwork&) const = default;
};

/// All that a network's streams may go to; at least one.
std::vector<BackendOptions> backends_of(const OutNetwork& network);

struct OutConfig : CommonConfig {
    std::vector<OutNetwork> networks;
    /// For the networks that have none of their own.
    std::optional<TlsClientOptions> tls;
    std::optional<KeyOptions> auth;
    std::optional<ViaOptions> via;
    std::optional<WebSocketOptions> websocket;
    /// Between two attempts to register.
    Milliseconds retry_interval{2'000};
    Milliseconds heartbeat_interval{2'000};
    /// Without any byte from the proxy for this long, out registers anew. Also announced to the
    /// proxy, which bounds it to the protocol's range (5 s to 10 min).
    Milliseconds heartbeat_timeout{20'000};
    /// For one dial of the proxy, look-up included.
    Milliseconds connect_timeout{5'000};
    /// For the whole dial of the backend, all its addresses; shorter than the proxy's
    /// answer_timeout, or the proxy gives up before out can say why.
    Milliseconds open_timeout{5'000};

    bool operator==(const OutConfig&) const = default;
};

struct ProxyLimits {
    /// Connections of all kinds; 0: as many as the file descriptors allow.
    std::size_t connections = 0;
    /// Connections that are not yet identified: no first message that was accepted. Beyond, the
    /// oldest one that has said nothing is closed.
    std::size_t handshakes = 4'000;
    /// Of these, from one address (IPv6: one /64), unless it is trusted.
    std::size_t per_source = 1'000;
    /// Running and opening streams of one topic, and of one key or certificate; 0: no limit.
    std::size_t streams_per_topic = 10'000;
    std::size_t streams_per_key = 10'000;
    /// Topics that one key or certificate has registered; 0: no limit.
    std::size_t topics_per_key = 1'000;
    std::size_t topics = 10'000;
    /// In connections that wait for a data connection of one topic.
    std::size_t waiting = 1'000;
    /// Spare connections of all ins; 0: none is taken.
    std::size_t warm = 1'000;

    bool operator==(const ProxyLimits&) const = default;
};

/// How the streams of a topic are spread over the outs that share it.
enum class Dispatch { least_streams, round_robin, random, source };

/// The same for some topics; the first that matches counts.
struct DispatchRule {
    std::vector<TopicPattern> topics;  ///< none: all
    Dispatch by = Dispatch::least_streams;

    bool operator==(const DispatchRule&) const = default;
};

inline constexpr std::string_view kWebSocketOff = "off";

struct ProxyConfig : CommonConfig {
    HostPort listen{"127.0.0.1", 40'001};
    /// Silence after which a control connection is dropped, for outs that do not announce theirs.
    Milliseconds heartbeat_timeout{60'000};
    /// From a connection's arrival to its first message, the TLS handshake included.
    Milliseconds handshake_timeout{10'000};
    /// For the TLS handshake alone; at most handshake_timeout.
    Milliseconds tls_timeout{5'000};
    /// How long an in connection waits for a data connection.
    Milliseconds open_timeout{5'000};
    /// For out's answer on a data connection; longer than out's open_timeout.
    Milliseconds answer_timeout{8'000};
    /// Parked data connections per topic; max is at most kPoolHardMax.
    std::size_t pool_min = 2;
    std::size_t pool_max = 100;
    /// Topics that none of these names: Dispatch::least_streams.
    std::vector<DispatchRule> dispatch;
    ProxyLimits limits;
    std::optional<TlsServerOptions> tls;
    std::optional<AuthOptions> auth;
    /// Nothing: it is alone.
    std::optional<ClusterOptions> cluster;
    AccessLists access;
    /// Addresses that the limits per source do not concern: a balancer speaks for many.
    std::vector<AddressRange> trusted = default_trusted();
    /// Each of them tells first whose connection it is.
    bool proxy_protocol = false;
    /// The path where a WebSocket may be asked for, or kWebSocketOff.
    std::string websocket{kWebSocketPath};

    bool operator==(const ProxyConfig&) const = default;
};

/// A longer text is refused; the caller need not read more than this and one byte.
inline constexpr std::size_t kConfigMaxBytes = 4'194'304;

/// All problems of a file, one line each, in the file's order: `file:line:column: path: what is
/// wrong`. `file` is the name to print. A syntax error is the only one of its list.
using ConfigProblems = std::vector<std::string>;

/// What was accepted though it may not be what was meant, in the same form: what it means.
using ConfigWarnings = std::vector<std::string>;

/// `warnings` is set on success.
Result<InConfig, ConfigProblems> parse_in_config(std::string_view text, std::string_view file,
                                                 ConfigWarnings* warnings = nullptr);
Result<OutConfig, ConfigProblems> parse_out_config(std::string_view text, std::string_view file,
                                                   ConfigWarnings* warnings = nullptr);
Result<ProxyConfig, ConfigProblems> parse_proxy_config(std::string_view text, std::string_view file,
                                                       ConfigWarnings* warnings = nullptr);

/// What the programs run on without a file: the original's defaults.
InConfig default_in_config();
OutConfig default_out_config();
ProxyConfig default_proxy_config();

/// The effective configuration with all its keys, indented, in the shape the parser reads.
std::string to_json(const InConfig& config);
std::string to_json(const OutConfig& config);
std::string to_json(const ProxyConfig& config);

/// The names that the configuration and the flags use: debug, info, warning, error; text, json. In
/// any letter case; "warn" and "err" are known too.
std::optional<log::Level> parse_log_level(std::string_view name);
std::optional<log::Format> parse_log_format(std::string_view name);
/// As the configuration has it.
std::string_view to_string(log::Level level);

}  // namespace inout
