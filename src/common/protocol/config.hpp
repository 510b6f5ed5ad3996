// The three programs' configurations: types with their defaults, JSON in, JSON out.
//
// A configuration is a value: parsed once at start, then read only. No I/O and no clock; the caller
// reads the file. Parsing never throws; whatever is in the text, the answer is a configuration that
// keeps every rule, or the list of what is wrong. Keys and their ranges stand in config.cpp, one
// line each; the file format (comments, trailing commas) in json_document.hpp. All durations are
// milliseconds.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/base/result.hpp"
#include "common/protocol/host_port.hpp"

namespace inout {

struct LogOptions {
    log::Level level = log::Level::info;
    log::Format format = log::Format::text;

    bool operator==(const LogOptions&) const = default;
};

/// What all three programs have.
struct CommonConfig {
    /// A leg whose peer acknowledges nothing for this long, with bytes under way, is reset.
    Milliseconds peer_timeout{30'000};
    /// What running streams get after SIGTERM.
    Milliseconds drain_timeout{10'000};
    /// Worker threads; 0: one for every two processors.
    unsigned threads = 0;
    LogOptions log;

    bool operator==(const CommonConfig&) const = default;
};

struct InNetwork {
    HostPort server;
    /// Where clients come; port 0: the kernel chooses.
    HostPort listen{"127.0.0.1", 0};
    std::string topic = "default";

    bool operator==(const InNetwork&) const = default;
};

struct InConfig : CommonConfig {
    std::vector<InNetwork> networks;
    /// For one dial of the proxy, look-up included.
    Milliseconds connect_timeout{5'000};
    /// From the client's arrival to the proxy's answer. Longer than all that can happen meanwhile:
    /// the dial, the proxy's wait for a data connection and its answer_timeout.
    Milliseconds open_timeout{20'000};

    bool operator==(const InConfig&) const = default;
};

struct OutNetwork {
    HostPort server;
    HostPort backend;
    std::string topic = "default";

    bool operator==(const OutNetwork&) const = default;
};

struct OutConfig : CommonConfig {
    std::vector<OutNetwork> networks;
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
    /// Connections whose first message has not come.
    std::size_t handshakes = 1'000;
    std::size_t topics = 10'000;
    /// In connections that wait for a data connection of one topic.
    std::size_t waiting = 1'000;
    /// Spare connections of all ins; 0: none is taken.
    std::size_t warm = 1'000;

    bool operator==(const ProxyLimits&) const = default;
};

struct ProxyConfig : CommonConfig {
    HostPort listen{"127.0.0.1", 40'001};
    /// Silence after which a control connection is dropped, for outs that do not announce theirs.
    Milliseconds heartbeat_timeout{60'000};
    /// For a connection's first message.
    Milliseconds handshake_timeout{10'000};
    /// How long an in connection waits for a data connection.
    Milliseconds open_timeout{5'000};
    /// For out's answer on a data connection; longer than out's open_timeout.
    Milliseconds answer_timeout{8'000};
    /// Parked data connections per topic; max is at most kPoolHardMax.
    std::size_t pool_min = 2;
    std::size_t pool_max = 100;
    ProxyLimits limits;

    bool operator==(const ProxyConfig&) const = default;
};

/// A longer text is refused; the caller need not read more than this and one byte.
inline constexpr std::size_t kConfigMaxBytes = 1'048'576;

/// All problems of a file, one line each, in the file's order: `file:line:column: path: what is
/// wrong`. `file` is the name to print. A syntax error is the only one of its list.
using ConfigProblems = std::vector<std::string>;

Result<InConfig, ConfigProblems> parse_in_config(std::string_view text, std::string_view file);
Result<OutConfig, ConfigProblems> parse_out_config(std::string_view text, std::string_view file);
Result<ProxyConfig, ConfigProblems> parse_proxy_config(std::string_view text,
                                                       std::string_view file);

/// What the programs run on without a file: the original's defaults.
InConfig default_in_config();
OutConfig default_out_config();
ProxyConfig default_proxy_config();

/// The effective configuration with all its keys, indented, in the shape the parser reads.
std::string to_json(const InConfig& config);
std::string to_json(const OutConfig& config);
std::string to_json(const ProxyConfig& config);

/// The names that the configuration and the flags use: debug, info, warning, error; text, json.
std::optional<log::Level> parse_log_level(std::string_view name);
std::optional<log::Format> parse_log_format(std::string_view name);

}  // namespace inout
