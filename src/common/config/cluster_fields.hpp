// The keys of the cluster that a proxy is in, as fields.hpp has the others. fields.hpp alone
// includes this, behind what it has of TLS. Pure; keeps nothing.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/config/auth_fields.hpp"
#include "common/config/reader.hpp"
#include "common/config/rules.hpp"
#include "common/config/types.hpp"
#include "common/rules/certificate_name.hpp"
#include "common/rules/cluster_name.hpp"

namespace inout {

inline constexpr Range kNatsServers{1, 16};
inline constexpr Range kClusterPeers{0, 1'000};

inline std::optional<std::string> check_cluster_name(std::string_view name) {
    if (cluster::is_name(name)) return std::nullopt;
    return "must be 1 to " + std::to_string(cluster::kNameMaxBytes) +
           " letters, digits, hyphens and underscores";
}

inline std::optional<std::string> check_cluster_address(std::string_view text) {
    const auto address = parse_host_port(text);
    return address ? std::nullopt : std::optional(address.error());
}

template <class Fields>
void visit_cluster_address(Fields& fields, HostPort& address) {
    std::string text = address.host.empty() ? std::string() : to_string(address);
    fields.text("address", text, check_cluster_address, Need::required);
    if (fields.good({"address"}) && !text.empty()) address = *parse_host_port(text);
}

template <class Fields>
void visit(Fields& tls, NatsTlsOptions& options) {
    tls.text("ca", options.ca, check_file_name);
    tls.text("cert", options.cert, check_file_name);
    tls.text("key", options.key, check_file_name);
    if (!tls.good({"cert", "key"}) || options.cert.empty() == options.key.empty()) return;
    tls.complain(options.key.empty() ? "cert" : "key", "needs the other one of \"cert\", \"key\"");
}

/// One connection speaks TLS or does not, whichever server it is to.
template <class Fields>
void visit_nats(Fields& fields, ClusterOptions& options) {
    fields.values("nats", options.nats, kNatsServers);
    fields.text("nats_credentials", options.nats_credentials, check_file_name);
    fields.object("nats_tls", options.nats_tls,
                  [](auto& tls, auto& of_tls) { visit(tls, of_tls); });
    if (!fields.good({"nats", "nats_tls"}) || options.nats.empty()) return;
    const bool is_tls = options.nats.front().demands_tls();
    for (const NatsServer& server : options.nats) {
        if (server.demands_tls() == is_tls) continue;
        return fields.complain("nats", "must be all tls:// or all nats://");
    }
    if (options.nats_tls && !is_tls) {
        fields.complain("nats_tls", "needs servers at tls:// in \"nats\"");
    }
}

template <class Fields>
void visit(Fields& entry, ClusterPeer& peer) {
    entry.text("id", peer.id, check_cluster_name, Need::required);
    visit_cluster_address(entry, peer.address);
    entry.text("key_file", peer.key_file, check_file_name);
    entry.text("certificate", peer.certificate, check_certificate_entry);
    entry.values("ask", peer.ask, kPatterns);
    entry.values("answer", peer.answer, kPatterns);
    entry.flag("client", peer.client);
    if (!entry.good({"key_file", "certificate", "ask", "answer"})) return;
    if (peer.key_file.empty() == peer.certificate.empty()) {
        entry.complain("", "needs either \"key_file\" or \"certificate\"");
    }
    if (peer.ask.empty() && peer.answer.empty()) {
        entry.complain("", "is good for nothing; it needs a pattern in \"ask\" or \"answer\"");
    }
    check_client(entry, peer.client, peer.ask, "ask");
}

/// Where each has keys of its own.
template <class Fields>
void check_peers(Fields& fields, const ClusterOptions& options) {
    if (!fields.good({"peers", "id", "key_file", "tls"})) return;
    if (options.id.empty()) fields.complain("id", "is required beside \"peers\"");
    const bool has_certificate = options.tls && !options.tls->cert.empty();
    if (options.key_file.empty() && !has_certificate) {
        fields.complain("key_file", "is required, or \"cert\" and \"key\" in \"tls\"");
    }
    std::set<std::string> ids{options.id}, addresses;
    for (const ClusterPeer& peer : options.peers) {
        const HostPort place{canonical_host(peer.address.host), peer.address.port};
        if (!ids.insert(peer.id).second) {
            return fields.complain("peers", "has \"" + peer.id + "\" twice, or this proxy itself");
        }
        if (!addresses.insert(to_string(place)).second) {
            return fields.complain("peers", "has " + to_string(peer.address) + " twice");
        }
    }
}

/// What goes from proxy to proxy is what clients say.
template <class Fields>
void check_cluster_tls(Fields& fields, const ClusterOptions& options) {
    if (options.tls || !fields.good({"tls", "address", "peers"})) return;
    const auto complain = [&](std::string_view key, const HostPort& address) {
        fields.complain(key, to_string(address) + " is not loopback: that needs \"tls\"");
    };
    if (!is_loopback(options.address.host)) return complain("address", options.address);
    for (const ClusterPeer& peer : options.peers) {
        if (!is_loopback(peer.address.host)) return complain("peers", peer.address);
    }
}

template <class Fields>
void visit(Fields& fields, ClusterOptions& options) {
    visit_nats(fields, options);
    fields.text("name", options.name, check_cluster_name, Need::required);
    visit_cluster_address(fields, options.address);
    fields.text("id", options.id, check_cluster_name);
    fields.text("key_file", options.key_file, check_file_name);
    fields.object("tls", options.tls, [](auto& tls, auto& of_tls) { visit(tls, of_tls); });
    fields.list("peers", options.peers, kClusterPeers,
                [](auto& entry, ClusterPeer& peer) { visit(entry, peer); });
    check_cluster_tls(fields, options);
    if (!options.peers.empty()) return check_peers(fields, options);
    if (!fields.good({"id", "key_file"})) return;
    if (options.key_file.empty()) fields.complain("key_file", "is required");
    if (!options.id.empty()) fields.complain("id", "has no meaning without \"peers\"");
}

/// Where there is one; not everywhere there can be.
template <class Fields>
void visit_cluster(Fields& fields, std::optional<ClusterOptions>& options) {
    fields.object("cluster", options, [](auto& entry, auto& cluster) { visit(entry, cluster); });
    if (options && !is_built_with_nats()) {
        fields.complain("cluster", "needs NATS, and this program was built without it");
    }
}

}  // namespace inout
