// One network of out at one of its servers, at run time: its part of a configuration, and what was
// made for it. Never changed: another configuration has other networks. It has all that it needs of
// the configuration, so that a stream that runs for a year keeps no more than this. Shared by its
// control link, its registrations and their data links; any thread reads it.
#pragma once

#include <atomic>
#include <memory>

#include "common/open/proxy_link.hpp"
#include "common/relay/rates.hpp"
#include "common/rules/forward_users.hpp"
#include "out/backends.hpp"
#include "out/data_links.hpp"

namespace inout::out {

/// As in OutConfig.
struct Times {
    explicit Times(const OutConfig& config)
        : retry_interval(config.retry_interval),
          heartbeat_interval(config.heartbeat_interval),
          heartbeat_timeout(config.heartbeat_timeout),
          connect_timeout(config.connect_timeout),
          open_timeout(config.open_timeout) {}

    Milliseconds retry_interval, heartbeat_interval, heartbeat_timeout, connect_timeout,
        open_timeout;
};

struct Network {
    OutNetwork config;  ///< `server` is the one of this
    Times times;
    std::shared_ptr<const ProxyLink> proxy_link;
    std::shared_ptr<const TlsPsk> e2e;     ///< nothing: not encrypted end to end
    std::shared_ptr<DataLinks> links;      ///< of its proxy
    Rates rates{};                         ///< of all its streams
    std::shared_ptr<Backends> backends{};  ///< shared with the network's other servers
    /// Of an exit; nothing: whoever comes.
    std::shared_ptr<const ForwardUsers> users{};
    /// The log has it already that the other side does not compress.
    std::shared_ptr<std::atomic<bool>> uncompressed = std::make_shared<std::atomic<bool>>(false);

    /// Whether its backends are told whose a stream is, which the proxy has to say then.
    bool tells_clients() const { return config.proxy_protocol != ProxyProtocol::off; }
    /// Whether a registration for the one would do for the other.
    bool registers_like(const Network& other) const {
        return tells_clients() == other.tells_clients() && config.share == other.config.share &&
               config.weight == other.config.weight && config.pattern == other.config.pattern &&
               times.heartbeat_interval == other.times.heartbeat_interval &&
               times.heartbeat_timeout == other.times.heartbeat_timeout &&
               (proxy_link == other.proxy_link || proxy_link->is_like(*other.proxy_link));
    }
    /// Whether a stream gets the same from both.
    bool serves_like(const Network& other) const {
        const bool same_key = e2e == other.e2e || (e2e && other.e2e && e2e->is_like(*other.e2e));
        const bool same_users =
            users == other.users || (users && other.users && *users == *other.users);
        return backends->is_like(other.config) && same_key && same_users &&
               config.exit == other.config.exit &&
               config.backend_template == other.config.backend_template &&
               config.proxy_protocol == other.config.proxy_protocol &&
               config.compression == other.config.compression;
    }
};

}  // namespace inout::out
