#include "common/open/proxy_link.hpp"
#include "common/os/secret_file.hpp"

#include "common/base/wall_clock.hpp"
#include "common/net/deadline.hpp"
#include "common/open/proxy_words.hpp"
#include "common/open/site_secret.hpp"
#include "common/open/weak_secret.hpp"
#include "common/open/websocket_dial.hpp"
#include "common/wire/proof.hpp"

namespace inout {
namespace {

/// The keys of the front's TLS stand in "websocket".
std::string websocket_words(const std::string& problem) {
    return "websocket" + problem.substr(std::min(problem.find('.'), problem.size()));
}

}  // namespace

Result<std::shared_ptr<const ProxyLink>, std::string> ProxyLink::make(
    const HostPort& server, const std::optional<TlsClientOptions>& tls,
    const std::optional<KeyOptions>& auth, TrustStores& trusts,
    const std::optional<ViaOptions>& via, const std::optional<WebSocketOptions>& websocket) {
    std::shared_ptr<ProxyLink> proxy_link(new ProxyLink({server, tls, auth, via, websocket}));
    auto way = Via::make(via);
    if (!way) return Failure{way.error()};
    proxy_link->go_via(std::move(*way));
    const HostPort target = proxy_link->target();
    if (is_websocket_url(server) && websocket_url_of(server).tls) {
        const WebSocketOptions front = websocket.value_or(WebSocketOptions{});
        const TlsClientOptions options{.ca = front.ca, .server_name = front.server_name};
        auto client = TlsClient::make(options, target.host, trusts, TlsProtocol::http);
        if (!client) return Failure{websocket_words(client.error())};
        proxy_link->front_ = std::move(*client);
    }
    if (tls) {
        const std::string host =
            is_service_name(server) ? domain_of_service(server.host) : target.host;
        auto client = TlsClient::make(*tls, host, trusts);
        if (!client) return Failure{client.error()};
        proxy_link->tls_ = std::move(*client);
    }
    if (auth) {
        auto secret = read_site_secret(auth->secret_file);
        if (!secret) {
            return Failure{"auth.secret_file: " + auth->secret_file + ": " + secret.error()};
        }
        if (is_guessable(*secret)) warn_of_weak_secret(auth->secret_file);
        proxy_link->key_id_ = auth->id;
        proxy_link->secret_ = std::move(*secret);
    }
    return std::shared_ptr<const ProxyLink>(std::move(proxy_link));
}

void ProxyLink::go_via(std::shared_ptr<const Via> via) {
    via_ = std::move(via);
    goes_via_ = via_ && via_->leads_to(target().host);
}

std::shared_ptr<const ProxyLink> ProxyLink::towards(const HostPort& target) const {
    Options options = options_;
    std::get<HostPort>(options) = target;
    if (auto& tls = std::get<std::optional<TlsClientOptions>>(options);
        tls && tls->server_name.empty()) {
        tls->server_name = domain_of_service(server().host);
    }
    return with(std::move(options));
}

std::shared_ptr<const ProxyLink> ProxyLink::for_hops() const {
    auto proxy_link = with(options_);
    proxy_link->for_hops_ = true;
    return proxy_link;
}

std::shared_ptr<ProxyLink> ProxyLink::with(Options options) const {
    std::shared_ptr<ProxyLink> proxy_link(new ProxyLink(std::move(options)));
    proxy_link->tls_ = tls_;
    proxy_link->front_ = front_;
    proxy_link->key_id_ = key_id_;
    proxy_link->secret_ = secret_;
    proxy_link->go_via(via_);
    proxy_link->for_hops_ = for_hops_;
    return proxy_link;
}

bool ProxyLink::is_like(const ProxyLink& other) const {
    return options_ == other.options_ && secret_.bytes() == other.secret_.bytes() &&
           validities() == other.validities() &&
           (via_ && other.via_ ? via_->is_like(*other.via_) : via_ == other.via_) &&

           (front_ ? front_->validities() : std::vector<Validity>()) ==
               (other.front_ ? other.front_->validities() : std::vector<Validity>());
}

Task<Result<ConnectionPtr, Reason>> ProxyLink::dial(Executor executor, Milliseconds timeout,
                                                    DialFor what, Milliseconds wait,
                                                    const Connection* asker) const {
    const auto wait_until = Clock::now() + wait;
    auto turn = co_await queue_->turn(executor, what, wait_until, timeout);
    if (!turn) {
        co_return Failure{Reason{Code::proxy_unreachable, place() + ": " + turn.error()}};
    }
    if (asker != nullptr && asker->was_reset()) {
        co_return Failure{Reason{Code::client_gone, "nobody waits for it any more"}};
    }
    const auto begun = Clock::now();
    const auto full = timeout;
    if (what == DialFor::stream) {
        timeout = std::min(full, std::chrono::ceil<Milliseconds>(wait_until - begun));
    }
    if (timeout <= Milliseconds{0}) {
        co_return Failure{Reason{Code::proxy_unreachable, place() + ": no turn in time"}};
    }
    auto dialled = co_await dial_now(executor, timeout);
    if (dialled) {
        turn->succeeded();
    } else if (timeout >= full / 2 && Clock::now() - begun >= timeout) {
        // One that its stream's own deadline cuts short says little about the proxy.
        turn->timed_out();
    }
    co_return dialled;
}

Task<Result<ConnectionPtr, Reason>> ProxyLink::reach(Executor executor,
                                                     Clock::time_point until) const {
    const HostPort place = target();
    ConnectionPtr owned;
    if (goes_via_) {
        auto through = co_await via_->dial(executor, place, until);
        if (!through) co_return Failure{std::move(through.error())};
        owned = std::move(*through);
    } else {
        const auto timeout = std::chrono::ceil<Milliseconds>(until - Clock::now());
        auto dialled = co_await inout::dial(executor, place, DialOrder::racing, timeout);
        if (!dialled) {
            // What has run out here is no fault of the proxy's.
            const bool here = dialled.error().kind == DialError::Kind::lack;
            co_return Failure{Reason{here ? Code::limit : Code::proxy_unreachable,
                                     std::move(dialled.error().detail)}};
        }
        owned = std::move(*dialled);
    }
    if (!is_websocket_url(server())) co_return std::move(owned);
    Deadline deadline(*owned);
    deadline.expires_at(until);
    const WebSocketUrl url = websocket_url_of(server());
    auto problem = co_await open_websocket(*owned, url, front_.get());
    deadline.cancel();
    if (problem) co_return Failure{Reason{Code::proxy_unreachable, std::move(*problem)}};
    co_return std::move(owned);
}

Task<Result<ConnectionPtr, Reason>> ProxyLink::dial_now(Executor executor,
                                                        Milliseconds timeout) const {
    const auto until = Clock::now() + timeout;
    auto reached = co_await reach(executor, until);
    if (!reached) co_return Failure{std::move(reached.error())};
    ConnectionPtr owned = std::move(*reached);
    if (!tls_) co_return std::move(owned);
    Connection& connection = *owned;
    connection.secure(tls_->session());
    Deadline deadline(connection);
    deadline.expires_at(until);
    if (co_await connection.handshake()) {
        if (const auto seen = connection.tls()->seen(); !seen.empty()) {
            co_return Failure{Reason{Code::proxy_unreachable, why_no_handshake(seen, server())}};
        }
        std::string reason =
            connection.has_expired() ? "no answer in time" : connection.tls()->failure();
        // What our proxies say instead of a handshake that would cost them too much.
        if (reason.ends_with("alert access denied")) {
            reason += " (penalised: too many failures came from this address)";
        }
        std::string hint(tls_hint(reason));
        if (goes_via_ && reason.find("certificate") != std::string::npos) {
            hint += " (a forward proxy that looks into TLS has to leave this host alone)";
        }
        co_return Failure{Reason{Code::proxy_unreachable, place() + ": TLS: " + reason + hint}};
    }
    deadline.cancel();
    // Before anything is said: neither a proof nor our certificate may be used on another one.
    if (connection.tls()->exporter().empty()) {
        co_return Failure{Reason{
            Code::proxy_unreachable,
            place() +
                ": TLS 1.2 without extended master secret (RFC 7627), where somebody in between "
                "can use our identity elsewhere: the other side must speak TLS 1.3, or 1.2 with "
                "it"}};
    }
    co_return std::move(owned);
}

void ProxyLink::prove(Message& message, Connection& connection, std::string_view nonce) const {
    if (key_id_.empty()) return;
    const TlsSession* const tls = connection.tls();
    inout::prove(message, key_id_, secret_, unix_time_ms(),
                 ProofChannel{tls != nullptr, tls != nullptr ? tls->exporter() : std::string(),
                              std::string(nonce)});
}

Result<std::shared_ptr<const ProxyLink>, std::string> ProxyLinks::get(
    const HostPort& server, const std::optional<TlsClientOptions>& tls,
    const std::optional<KeyOptions>& auth, const std::optional<ViaOptions>& via,
    const std::optional<WebSocketOptions>& websocket) {
    ProxyLink::Options options(server, tls, auth, via, websocket);
    if (const auto found = proxy_links_.find(options); found != proxy_links_.end()) {
        return found->second;
    }
    auto made = ProxyLink::make(server, tls, auth, trusts_, via, websocket);
    if (made) proxy_links_.emplace(std::move(options), *made);
    return made;
}

std::vector<Validity> ProxyLinks::validities() const {
    std::vector<Validity> all;
    for (const auto& [options, proxy_link] : proxy_links_) {
        const auto some = proxy_link->validities();
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

Result<std::shared_ptr<const TlsPsk>, std::string> make_e2e(
    TlsSide side, const std::optional<E2eOptions>& options, const std::string& topic,
    Compression compression) {
    if (!options) return std::shared_ptr<const TlsPsk>();
    std::vector<Secret> keys;
    const std::pair<const char*, const std::string*> files[] = {
        {"key_file", &options->key_file}, {"also_accept", &options->also_accept}};
    for (const auto& [name, path] : files) {
        if (path->empty()) continue;
        auto secret = read_secret_file(*path);
        if (!secret) {
            return Failure{"e2e." + std::string(name) + ": " + *path + ": " + secret.error()};
        }
        // A stream's beginning tells whoever sees it whether a guess is right.
        if (!is_new_key(*secret)) {
            if (options->key_format == KeyFormat::new_key) {
                return Failure{"e2e." + std::string(name) + ": " + *path + ": is not " +
                               std::to_string(kNewKeyDigits) +
                               " hexadecimal digits at random: a key that a person made up can be "
                               "guessed. Write one with: in --new-key FILE (to go on with this one "
                               "for now: \"key_format\": \"any\" in e2e)"};
            }
            warn_of_weak_secret(*path);
        }
        keys.push_back(std::move(*secret));
    }
    return std::make_shared<const TlsPsk>(side, keys, topic, compression != Compression::off);
}

}  // namespace inout
