// ProxyLink: how a network of in or out, or another proxy of the cluster, reaches a proxy: its
// address, TLS, and who we are there.
//
// Made when a configuration is loaded, and its files are read; then read only but for the queue of
// its dials. Any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "common/base/secret.hpp"
#include "common/base/websocket_url.hpp"
#include "common/config/types.hpp"
#include "common/net/connection.hpp"
#include "common/net/dial.hpp"
#include "common/net/dial_queue.hpp"
#include "common/open/via.hpp"
#include "common/rules/reason.hpp"
#include "common/tls/client.hpp"
#include "common/tls/psk.hpp"
#include "common/wire/message.hpp"

namespace inout {

/// With a key, and taken for anonymous.
inline constexpr std::string_view kNotRecognised =
    "auth is configured here, but the proxy has no keys and took us for anonymous: whoever reaches "
    "it may do what we do";

class ProxyLink {
  public:
    /// The failure names the key of the configuration, the file, and what is wrong with it.
    static Result<std::shared_ptr<const ProxyLink>, std::string> make(
        const HostPort& server, const std::optional<TlsClientOptions>& tls,
        const std::optional<KeyOptions>& auth, TrustStores& trusts,
        const std::optional<ViaOptions>& via = {},
        const std::optional<WebSocketOptions>& websocket = {});
    /// Where this names a service (SRV): the same towards one of its proxies, which all have the
    /// certificate that was asked for.
    std::shared_ptr<const ProxyLink> towards(const HostPort& target) const;
    /// The same for a proxy of the cluster: what it asks, it asks for others.
    std::shared_ptr<const ProxyLink> for_hops() const;
    bool is_for_hops() const { return for_hops_; }
    /// What it may be found by: its proxy, and who we are there.
    std::string name() const { return to_string(server()) + ' ' + key_id_; }
    /// Whether both reach the same proxy in the same way, by files with the same content.
    bool is_like(const ProxyLink& other) const;

    /// By which forward proxy it is reached; nothing: by none.
    const Via* via() const { return goes_via_ ? via_.get() : nullptr; }
    /// Where it is, for people: `HOST:PORT`, and ` via URL` behind that.
    std::string place() const {
        return to_string(server()) + (goes_via_ ? " via " + via_->name() : "");
    }
    const HostPort& server() const { return std::get<HostPort>(options_); }
    /// What is dialled: of a WebSocket, whose URL server() is, the front.
    HostPort target() const {
        return is_websocket_url(server()) ? websocket_url_of(server()).place : server();
    }
    /// Nothing: without TLS of our own.
    const std::optional<TlsClientOptions>& tls() const {
        return std::get<std::optional<TlsClientOptions>>(options_);
    }
    /// Whether prove() has anything to prove.
    bool has_key() const { return !key_id_.empty(); }
    /// Of the certificates that its TLS needs; none without.
    std::vector<Validity> validities() const {
        return tls_ ? tls_->validities() : std::vector<Validity>();
    }
    /// To the proxy itself, or through the forward proxy and the front that are before it, until
    /// then: the first step of dial(), whose failure it has.
    Task<Result<ConnectionPtr, Reason>> reach(Executor executor, Clock::time_point until) const;
    /// A connection on which the first message may be sent, and none on which our identity could be
    /// stolen: reach() and TLS within `timeout`, which begins when its turn comes (dial_queue). A
    /// stream's dial also ends when `wait` is over, the others only wait so long for their turn.
    /// The failure: proxy_unreachable; limit, if something has run out here; client_gone: nothing
    /// was dialled, because when the turn came `asker`, who wants this stream, had been reset.
    Task<Result<ConnectionPtr, Reason>> dial(Executor executor, Milliseconds timeout, DialFor what,
                                             Milliseconds wait,
                                             const Connection* asker = nullptr) const;
    /// Puts our proof of identity, if we have a key, into a first message that will be sent on this
    /// connection (wire/proof). One that dial() gave can always carry it. `nonce` is what the proxy
    /// has given this connection, which a request that is counted there needs.
    void prove(Message& message, Connection& connection, std::string_view nonce = {}) const;

  private:
    using Options = std::tuple<HostPort, std::optional<TlsClientOptions>, std::optional<KeyOptions>,
                               std::optional<ViaOptions>, std::optional<WebSocketOptions>>;
    friend class ProxyLinks;

    /// Another one, with what this one has.
    std::shared_ptr<ProxyLink> with(Options options) const;
    explicit ProxyLink(Options options) : options_(std::move(options)) {}
    void go_via(std::shared_ptr<const Via> via);
    Task<Result<ConnectionPtr, Reason>> dial_now(Executor executor, Milliseconds timeout) const;

    const Options options_;
    const std::unique_ptr<DialQueue> queue_ = std::make_unique<DialQueue>();
    std::shared_ptr<TlsClient> tls_;    // nothing: without TLS
    std::shared_ptr<TlsClient> front_;  // of a front that is reached by TLS
    std::string key_id_;                // empty: without a key
    Secret secret_;
    std::shared_ptr<const Via> via_;  // nothing: none is configured, or the environment names none
    bool goes_via_ = false;           // this server is not one of NO_PROXY's
    bool for_hops_ = false;
};

/// The proxy_links of a configuration's networks: one for all that are alike, so that they share
/// tickets and spare connections. What they trust they share in any case.
class ProxyLinks {
  public:
    Result<std::shared_ptr<const ProxyLink>, std::string> get(
        const HostPort& server, const std::optional<TlsClientOptions>& tls,
        const std::optional<KeyOptions>& auth, const std::optional<ViaOptions>& via,
        const std::optional<WebSocketOptions>& websocket);
    /// Of all of them.
    std::vector<Validity> validities() const;

  private:
    TrustStores trusts_;
    std::map<ProxyLink::Options, std::shared_ptr<const ProxyLink>> proxy_links_;
};

/// The keys of an end-to-end network, and what it compresses; nothing if it is none. The failure is
/// as above.
Result<std::shared_ptr<const TlsPsk>, std::string> make_e2e(
    TlsSide side, const std::optional<E2eOptions>& options, const std::string& topic,
    Compression compression = Compression::off);

/// The same for every server of a network; the failure is that of the first.
template <class Network>
Result<std::vector<std::shared_ptr<const ProxyLink>>, std::string> get_all(
    ProxyLinks& proxy_links, const Network& network, const std::optional<TlsClientOptions>& tls,
    const std::optional<KeyOptions>& auth, const std::optional<ViaOptions>& via,
    const std::optional<WebSocketOptions>& websocket) {
    std::vector<std::shared_ptr<const ProxyLink>> all;
    for (const ServerAddress& server : servers_of(network)) {
        auto proxy_link = proxy_links.get(server.place(), tls, auth, via, websocket);
        if (!proxy_link) return Failure{proxy_link.error()};
        all.push_back(std::move(*proxy_link));
    }
    return all;
}

/// An entry's name in messages; `i`: where it stands, if it is no port of a range.
template <class Network>
std::string name_in_file(const Network& network, std::size_t i) {
    if constexpr (requires { network.of_range; }) {
        if (network.of_range) i = network.of_range->entry;
    }
    return "networks[" + std::to_string(i) + "]";
}

/// Makes what each network of a configuration needs: calls `add(network, proxy_links, e2e)` for it,
/// with one for each of its servers, or collects what is wrong with its files.
template <class Config, class Add>
ConfigProblems load_networks(const Config& config, TlsSide side, ProxyLinks& proxy_links, Add add) {
    ConfigProblems problems;
    for (std::size_t i = 0; i < config.networks.size(); ++i) {
        const auto& network = config.networks[i];
        const std::string path = name_in_file(network, i) + ".";
        auto all = get_all(proxy_links, network, network.tls ? network.tls : config.tls,
                           network.auth ? network.auth : config.auth,
                           network.via ? network.via : config.via,
                           network.websocket ? network.websocket : config.websocket);
        auto e2e = make_e2e(side, network.e2e, network.topic, network.compression);
        // All ports of a range say the same.
        const auto add_problem = [&](std::string problem) {
            if (problems.empty() || problems.back() != problem) {
                problems.push_back(std::move(problem));
            }
        };
        const bool own = network.tls || network.auth || network.via || network.websocket;
        if (!all) add_problem((own ? path : "") + all.error());
        if (!e2e) add_problem(path + e2e.error());
        if (all && e2e) add(network, std::move(*all), std::move(*e2e));
    }
    return problems;
}

}  // namespace inout
