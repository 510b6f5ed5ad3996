#include "proxy/cluster.hpp"

#include <algorithm>
#include <system_error>

#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/config/rules.hpp"

namespace inout::proxy {
namespace {

/// By which key the others know us: where all have the same one, by the cluster's name.
std::optional<KeyOptions> key_of(const ClusterOptions& options) {
    if (options.key_file.empty()) return std::nullopt;
    return KeyOptions{options.peers.empty() ? options.name : options.id, options.key_file};
}

Result<std::shared_ptr<const ProxyLink>, std::string> make_link(const HostPort& place,
                                                                const ClusterOptions& options,
                                                                TrustStores& trusts) {
    auto made = ProxyLink::make(place, options.tls, key_of(options), trusts);
    if (!made) return made;
    return (*made)->for_hops();
}

std::string no_tls(const std::string& address) {
    return address + " is not loopback: that needs \"tls\" in \"cluster\"";
}

const ClusterPeer* peer_in(const ClusterOptions& options, const std::string& address) {
    for (const ClusterPeer& peer : options.peers) {
        if (to_string(peer.address) == address) return &peer;
    }
    return nullptr;
}

}  // namespace

Cluster::Link::Link(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link, Budget& budget)
    : proxy_link_(std::move(proxy_link)),
      name_(std::make_shared<const std::string>(to_string(proxy_link_->server()))),
      budget_(budget),
      number_(budget.join()) {
    workers.for_each([this](Worker& worker) {
        spares_[&worker] = std::make_shared<SparePool>(
            worker, proxy_link_, Dialling{kHopConnect, kHopConnect}, budget_, number_);
    });
}

Task<Result<ConnectionPtr, Reason>> Cluster::Link::dial(Worker& worker, Milliseconds wait,
                                                        const Connection& in) const {
    const Milliseconds timeout = std::min(kHopConnect, wait);
    auto dialled =
        co_await proxy_link_->dial(worker.executor(), timeout, DialFor::stream, wait, &in);
    // A name may lead elsewhere.
    if (dialled && (*dialled)->tls() == nullptr &&
        !is_loopback((*dialled)->peer_address().text())) {
        co_return Failure{Reason{Code::proxy_unreachable, no_tls((*dialled)->peer())}};
    }
    co_return std::move(dialled);
}

void Cluster::Link::compare(const std::string& theirs, const std::string& ours) {
    if (ours.empty() || theirs == ours) return;
    const std::size_t what = std::hash<std::string>{}(theirs + ours);
    if (told_lists_.exchange(what) == what) return;
    log::warning("lists differ",
                 {{"proxy", *name_}, {"reason", "its \"auth\" gives other permissions than ours"}});
}

void Cluster::Link::shed() const {
    for (const auto& [worker, spares] : spares_) {
        asio::post(worker->context(), [pool = spares] { pool->drop_all(); });
    }
}

void Cluster::Link::close() const {
    for (const auto& [worker, spares] : spares_) spares->close();
}

Cluster::Cluster(Workers& workers, std::shared_ptr<cluster::Engine> engine, std::size_t spares_max)
    : workers_(workers), engine_(std::move(engine)), budget_(spares_max, 0) {}

Cluster::~Cluster() {
    close();
    if (leaving_.joinable()) leaving_.join();
}

std::optional<std::string> Cluster::check(const ClusterOptions& options) {
    TrustStores trusts;
    const auto made = make_link({"127.0.0.1", 1}, options, trusts);
    if (made) return std::nullopt;
    return "cluster: " + made.error();
}

Result<std::shared_ptr<const ProxyLink>, std::string> Cluster::way_to(const HostPort& place,
                                                                      const ClusterOptions& options,
                                                                      TrustStores& trusts) {
    const std::string name = to_string(place);
    if (!options.peers.empty() && peer_in(options, name) == nullptr) {
        return Failure{name + " is none of \"peers\""};
    }
    if (!options.tls && !is_loopback(place.host)) return Failure{no_tls(name)};
    return make_link(place, options, trusts);
}

void Cluster::take(const std::shared_ptr<const ProxyConfig>& config) {
    Links before;
    const std::lock_guard lock(mutex_);
    config_ = config;
    trusts_ = {};
    before.swap(links_);
    for (const auto& [address, link] : before) link->close();
}

std::shared_ptr<Cluster::Link> Cluster::known_link(const std::string& name,
                                                   Clock::time_point now) const {
    const auto found = links_.find(name);
    if (found == links_.end()) return nullptr;
    found->second->was_used(now);
    return found->second;
}

Result<std::shared_ptr<Cluster::Link>, std::string> Cluster::link_to(const std::string& address) {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    if (auto known = known_link(address, now)) return known;
    const auto place = parse_host_port(address);
    if (!place) return Failure{"the address " + address + " " + place.error()};
    // It may be written in another way.
    const std::string name = to_string(*place);
    if (auto known = known_link(name, now)) return known;
    auto made = way_to(*place, *config_->cluster, trusts_);
    if (!made) return Failure{made.error()};
    if (links_.size() >= kLinksMax) forget_oldest();
    auto link = std::make_shared<Link>(workers_, std::move(*made), budget_);
    link->was_used(now);
    links_.emplace(name, link);
    return link;
}

void Cluster::forget_oldest() {
    const auto oldest = std::min_element(
        links_.begin(), links_.end(),
        [](const auto& a, const auto& b) { return a.second->used() < b.second->used(); });
    oldest->second->close();
    links_.erase(oldest);
}

std::string Cluster::objection_to(const std::string& address, std::string_view topic) const {
    const std::lock_guard lock(mutex_);
    if (config_->cluster->peers.empty()) return {};
    const ClusterPeer* const peer = peer_in(*config_->cluster, address);
    if (peer == nullptr) return address + " is none of \"peers\"";
    if (any_matches(peer->answer, topic)) return {};
    return "cluster.peers \"" + peer->id + "\": no pattern in \"answer\" for this topic";
}

void Cluster::has_gone(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    gone_.add(topic, Clock::now());
}

bool Cluster::was_there(const std::string& topic) const {
    const std::lock_guard lock(mutex_);
    return gone_.last_end(topic, Clock::now()).has_value();
}

void Cluster::shed() {
    const std::lock_guard lock(mutex_);
    for (const auto& [address, link] : links_) link->shed();
}

void Cluster::close() {
    const std::lock_guard lock(mutex_);
    for (const auto& [address, link] : links_) link->close();
    links_.clear();
}

void Cluster::leave() {
    if (leaving_.joinable()) return;
    try {
        const SignalsBlocked blocked;
        leaving_ = std::thread([engine = engine_] { engine->stop(); });
    } catch (const std::system_error&) {
        engine_->stop();
    }
}

void Cluster::stop() {
    engine_->stop();
    if (leaving_.joinable()) leaving_.join();
}

}  // namespace inout::proxy
