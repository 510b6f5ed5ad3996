// Cluster: the other proxies as this one sees them: the directory of who has which topic, how each
// is reached, and the connections that wait to be used again.
//
// Made once, where a configuration has a cluster; what it is reached with may change with a reload.
// A link to a proxy is made at the first stream that goes there. Thread-safe. Outlives its streams.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "common/app/spare_pool.hpp"
#include "common/cluster/engine.hpp"
#include "common/config/types.hpp"
#include "common/open/proxy_link.hpp"
#include "common/rules/ended_names.hpp"

namespace inout::proxy {

/// A dial of another proxy, TLS included; and how long it may leave a request unacknowledged. It is
/// near, and there may be others.
inline constexpr Milliseconds kHopConnect{2'000};
/// An answer that lasts longer has the proxy asked whether it is there, which may last as long.
inline constexpr Milliseconds kHopSilence{1'000};
/// Proxies to which connections are kept; beyond, the one that was used longest ago is forgotten.
inline constexpr std::size_t kLinksMax = 1'024;
/// Topics that were elsewhere a moment ago.
inline constexpr std::size_t kGoneTopicsMax = 16'384;

class Cluster {
  public:
    class Link;

    /// `spares_max`: connections to other proxies that may wait for their next stream.
    Cluster(Workers& workers, std::shared_ptr<cluster::Engine> engine, std::size_t spares_max);
    Cluster(const Cluster&) = delete;
    Cluster& operator=(const Cluster&) = delete;
    ~Cluster();

    cluster::Engine& engine() const { return *engine_; }

    /// What is wrong with the files that name us to the others; nothing: all is fine. Blocks.
    static std::optional<std::string> check(const ClusterOptions& options);
    /// How the proxy at `place` is reached. The failure: nothing may go there, and why. Blocks.
    static Result<std::shared_ptr<const ProxyLink>, std::string> way_to(
        const HostPort& place, const ClusterOptions& options, TrustStores& trusts);
    /// From now on the others are reached so; connections that wait are closed. Main thread.
    void take(const std::shared_ptr<const ProxyConfig>& config);

    /// The proxy at this address. The failure: nothing goes there, and why.
    Result<std::shared_ptr<Link>, std::string> link_to(const std::string& address);
    /// Why it is not believed that this topic is there; empty: it is.
    std::string objection_to(const std::string& address, std::string_view topic) const;

    /// It was at another proxy, and is not there any more.
    void has_gone(const std::string& topic);
    /// Whether that is less than kTopicReturn ago: it may come back.
    bool was_there(const std::string& topic) const;

    /// Closes the connections that wait.
    void shed();
    /// The same, and no more from now on.
    void close();
    /// Leaves the directory: on a thread of its own, since NATS may take its time. Main thread.
    void leave();
    /// The same, and waits for it.
    void stop();

  private:
    using Links = std::map<std::string, std::shared_ptr<Link>>;
    std::shared_ptr<Link> known_link(const std::string& name, Clock::time_point now) const;
    void forget_oldest();

    Workers& workers_;
    const std::shared_ptr<cluster::Engine> engine_;
    Budget budget_;  // of connections that wait

    mutable std::mutex mutex_;
    std::shared_ptr<const ProxyConfig> config_;
    TrustStores trusts_;
    Links links_;
    EndedNames gone_{kTopicReturn, kGoneTopicsMax};
    std::thread leaving_;
};

/// One other proxy. Thread-safe; its pools are on their workers' threads.
class Cluster::Link : public std::enable_shared_from_this<Link> {
  public:
    Link(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link, Budget& budget);
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() { budget_.leave(number_); }

    const ProxyLink& proxy_link() const { return *proxy_link_; }
    const std::shared_ptr<const ProxyLink>& shared_link() const { return proxy_link_; }
    /// Its address.
    const std::shared_ptr<const std::string>& name() const { return name_; }
    const std::shared_ptr<SparePool>& spares(Worker& worker) const { return spares_.at(&worker); }
    /// A connection on which a stream may be asked for, within `wait`. The failure: limit, if
    /// something has run out here; client_gone, if `in` was reset; else it can not be reached.
    Task<Result<ConnectionPtr, Reason>> dial(Worker& worker, Milliseconds wait,
                                             const Connection& in) const;

    /// Whether it carries one stream after another, as far as is known.
    bool may_take_frames() const { return frames_; }
    void took_frames(bool took) { frames_ = took; }

    /// A stream has waited long for its answer: whether it is there is asked beside it, once at a
    /// time.
    void suspect(Worker& worker);
    /// Whether such a question has been without an answer since then.
    bool was_silent(Clock::time_point since) const { return silent_.load() > since; }

    /// What it says of its permissions, and which ours are; warns of a difference, once of each.
    /// `ours` empty: they need not be the same.
    void compare(const std::string& theirs, const std::string& ours);

    void was_used(Clock::time_point now) { used_ = now; }
    Clock::time_point used() const { return used_; }
    void shed() const;
    void close() const;

  private:
    static Task<> look(Worker& worker, std::shared_ptr<Link> self);

    const std::shared_ptr<const ProxyLink> proxy_link_;
    const std::shared_ptr<const std::string> name_;
    Budget& budget_;
    const std::size_t number_;
    std::map<Worker*, std::shared_ptr<SparePool>> spares_;
    std::atomic<bool> frames_{true}, is_suspected_{false};
    std::atomic<std::size_t> told_lists_{0};  // a hash
    std::atomic<Clock::time_point> used_{Clock::time_point::min()};
    std::atomic<Clock::time_point> silent_{Clock::time_point::min()};
};

}  // namespace inout::proxy
