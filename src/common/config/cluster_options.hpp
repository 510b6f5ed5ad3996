// How a proxy finds the topics of others, as its configuration has it: the servers of NATS, and the
// proxies that it reaches and believes. Values; pure; any thread reads them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/host_port.hpp"
#include "common/base/result.hpp"
#include "common/rules/topic_pattern.hpp"
#include "common/tls/options.hpp"

namespace inout {

/// A server of NATS: `nats://HOST[:PORT]`, or `tls://` the same with TLS demanded.
class NatsServer {
  public:
    /// Refuses users and passwords: a configuration holds no secrets.
    static Result<NatsServer, std::string> parse(std::string_view text);

    const HostPort& place() const { return place_; }
    bool demands_tls() const { return demands_tls_; }
    /// With its port.
    std::string text() const;

    bool operator==(const NatsServer&) const = default;

  private:
    NatsServer(HostPort place, bool demands_tls)
        : place_(std::move(place)), demands_tls_(demands_tls) {}
    HostPort place_;
    bool demands_tls_;
};

/// What is trusted, and who we are, at servers of NATS. Files are PEM.
struct NatsTlsOptions {
    std::string ca;         ///< of the certificates to trust; empty: the system's
    std::string cert, key;  ///< our own certificate and its key; both or none

    bool operator==(const NatsTlsOptions&) const = default;
};

/// Another proxy, where they do not all trust each other alike.
struct ClusterPeer {
    std::string id;
    HostPort address;
    std::string key_file, certificate;  ///< how it is known: one of the two
    std::vector<TopicPattern> ask;      ///< what it may ask for here
    std::vector<TopicPattern> answer;   ///< for what it is believed
    bool client = false;                ///< it is believed whose its streams are

    bool operator==(const ClusterPeer&) const = default;
};

struct ClusterOptions {
    std::vector<NatsServer> nats;
    std::string nats_credentials{};  ///< a file (.creds); empty: none are shown
    std::optional<NatsTlsOptions> nats_tls{};
    std::string name{};
    HostPort address{};      ///< where the others reach this proxy
    std::string id{};        ///< this proxy among `peers`
    std::string key_file{};  ///< all have the same one; with `peers` this proxy's own, or none
    /// How it reaches the others.
    std::optional<TlsClientOptions> tls{};
    /// None: whoever has the key is a proxy of the cluster.
    std::vector<ClusterPeer> peers{};

    bool operator==(const ClusterOptions&) const = default;
};

/// Whether this program can be in a cluster.
bool is_built_with_nats();

}  // namespace inout
