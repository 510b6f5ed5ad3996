// One out's claim to one topic, for as long as its control connection lives. Shared by its control
// session, the Directory and the sessions of its streams, on any thread: what is not atomic is set
// before they see it, or is the Directory's, behind its lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "common/net/control_channel.hpp"
#include "common/rules/access_policy.hpp"
#include "common/rules/chooser.hpp"
#include "common/rules/quota.hpp"
#include "common/rules/topic_registry.hpp"
#include "proxy/data_pool.hpp"
#include "proxy/descriptor_budget.hpp"
#include "proxy/gatekeeper.hpp"
#include "proxy/open_probes.hpp"

namespace inout::proxy {

/// When an out was heard, and how often it speaks. One thread hears, any asks.
class Pulse {
  public:
    /// Before it has spoken, a fifth of its heartbeat's time-out is taken for its interval.
    void begin(Clock::time_point now, Milliseconds timeout) {
        heard_ = now.time_since_epoch().count();
        interval_ = Clock::duration(timeout / 5).count();
    }
    void beat(Clock::time_point now) {
        const Clock::rep last = heard_.exchange(now.time_since_epoch().count());
        interval_ = std::max(now.time_since_epoch().count() - last, interval_ / 2);
    }
    Clock::duration silence(Clock::time_point now) const {
        return now.time_since_epoch() - Clock::duration(heard_);
    }
    /// It has missed two of its own.
    bool is_late(Clock::time_point now) const {
        return silence(now) > 2 * Clock::duration(interval_) + std::chrono::seconds(1);
    }

  private:
    std::atomic<Clock::rep> heard_{0}, interval_{0};
};

/// An out that refuses twice within 10 s rests, for 10 s and then twice as long each time: its
/// streams go to the next in line at once. Once may be anything.
inline constexpr RestRule kOutRest{.failures = 2};

struct Registration {
    RegistrationId id = 0;
    std::string topic;
    std::string out;     ///< its address, for the log
    std::string name{};  ///< Response::out, by which ins leave it out
    bool ext = false;
    bool standby = false;  ///< it joined at the end of the line; else it took the topic over
    bool share = false;    ///< it stands together with the others that share
    bool source = false;   ///< its streams say whose they are
    bool probe = false;    ///< it answers probes
    std::optional<TopicPattern> pattern{};  ///< it serves what matches; `topic` is its text
    std::string ticket;  ///< secret; its data connections show it. Empty for a 0.0.1 out
    StandingPtr standing = nobody();      ///< of who registered; may lose its permission
    bool secured = false;                 ///< over TLS; then its data connections must be too
    bool bound = false;                   ///< its data connections show that they have its key
    std::optional<Identity> certificate;  ///< of its connection, and so of its data connections
    std::shared_ptr<Quota::Place> topic_of_key{};  ///< shared with the key's others of this topic
    std::shared_ptr<ControlChannel> channel;
    std::shared_ptr<DataPool> pool;
    OpenProbes probes{};
    std::atomic<std::size_t> streams{0};  ///< running
    std::atomic<std::size_t> given{0};    ///< the same, and those that are being opened
    std::atomic<bool> replaced{false};    ///< by a newer one of the same instance
    std::atomic<bool> pushed_out{false};  ///< silent, and its line was full
    std::atomic<bool> revoked{false};     ///< it may have its topic no more
    std::atomic<bool> kicked{false};      ///< somebody who runs the proxy wants so
    std::atomic<bool> unready{false};     ///< it keeps its place, and takes no streams now
    DescriptorBudget::Owner owner{};      ///< of its control and parked connections
    Pulse pulse;
    const Clock::time_point since = Clock::now();
    std::atomic<Clock::rep> drains_since{0};  ///< 0: it does not
    std::string drains_as{};  ///< its name in the directory then, for an end that needs no memory

    bool is_announced = false;  ///< to the cluster; behind the Directory's lock
    /// What the Directory remembers of it when it chooses; behind its lock.
    Candidate choice{{}, 1, false, kOutRest};
    std::atomic<bool> has_failed{false};  ///< and has not served since

    TopicRegistry::Name name_in_line() const { return {topic, pattern.has_value()}; }
    const Identity& identity() const { return standing->identity; }
    /// Its session ends as soon as its thread comes to it. From any thread.
    void end() const {
        asio::post(channel->executor(), [channel = channel] { channel->close(); });
    }
    /// From any thread.
    void send(Message message) const {
        asio::post(channel->executor(),
                   [to = channel, message = std::move(message)] { to->send(message); });
    }
    void notify(NoticeCode code, std::string text, bool at_once = false) const {
        if (ext) send(Notice{code, std::move(text), at_once});
    }
};

}  // namespace inout::proxy
