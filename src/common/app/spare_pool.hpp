// Spare connections to one proxy, for the next clients of one worker: opened in advance, which
// saves a client the round trip of a dial, or given back by a stream, which saves the dial.
//
// None before the first client, none to a proxy that did not announce that it takes them; opened in
// advance only to one that is not near (kSpareRoundTripMin): as many as the bursts need, those that
// came back included. Each is dropped when it dies or grows old (kSpareQuiet), and not replaced
// when no client came for as long. Optional: none is made or kept once half of what this proxy may
// have of the descriptors is taken. Worker's thread only, except close(). Shared by its server and
// what is under way. docs/protocol.md, "Spare connections".
#pragma once

#include <memory>

#include "common/app/worker.hpp"
#include "common/config/types.hpp"
#include "common/net/idle_pool.hpp"
#include "common/open/proxy_link.hpp"
#include "common/rules/budget.hpp"
#include "common/rules/pool_policy.hpp"
#include "common/rules/rest.hpp"
#include "common/wire/message.hpp"

namespace inout {

/// How long a dial of the proxy may take, and how long it rests when it has failed (rules/rest).
struct Dialling {
    Milliseconds connect_timeout, open_timeout;
    Milliseconds fail_timeout = RestRule{}.fail_timeout;

    bool operator==(const Dialling&) const = default;
};

class SparePool : public std::enable_shared_from_this<SparePool> {
  public:
    /// `number`: that of this proxy in the budget, which outlives it.
    SparePool(Worker& worker, std::shared_ptr<const ProxyLink> proxy_link, const Dialling& dialling,
              Budget& budget, std::size_t number);
    SparePool(const SparePool&) = delete;
    SparePool& operator=(const SparePool&) = delete;

    /// A client came; a connection for it that was alive a moment ago, or nothing. The path of one
    /// that has rested for long (kSpareTrusted) may have vanished since: until learn() it fails
    /// when it leaves a request unacknowledged for `give_up`. 0: it does not.
    ConnectionPtr take(Milliseconds give_up = Milliseconds{0});
    /// One whose stream has ended, and on which another can follow. It ends with FIN if there is no
    /// room, if its proxy keeps none, or if it is `worn_out`.
    void give_back(ConnectionPtr connection, bool worn_out = false);
    /// What the proxy's answer to a client's request told. It runs a stream from now on.
    void learn(Connection& connection, const Response& response);
    /// One turned out dead at its use.
    void drop_all() { idle_->retire_all(); }
    /// Closes all; no more from now on. Any thread.
    void close();

  private:
    Task<> open_spare(std::shared_ptr<SparePool> self, Budget::Places places);
    bool take_place(Budget::Places& places);
    void refill();
    void park(ConnectionPtr connection, Budget::Places places, Use use);
    void drop_old();
    void wait_for_age();

    Worker& worker_;
    const std::shared_ptr<const ProxyLink> proxy_link_;
    const Dialling dialling_;
    Budget& budget_;
    const std::size_t number_;
    PoolPolicy policy_;
    Clock::time_point measure_at_{};
    bool pays_ = false;
    Milliseconds keep_{0};    // 0: the proxy takes none
    bool ahead_ = true;       // some are opened in advance; not known: they might
    bool come_back_ = false;  // some have
    Clock::time_point last_client_{};
    const std::shared_ptr<IdlePool> idle_;
    Timer age_timer_;
    bool ages_ = false;                  // the timer runs
    Clock::time_point refused_until_{};  // the proxy had no room for more
    std::atomic<std::size_t> opening_{0};
    std::atomic<bool> closed_{false};
};

}  // namespace inout
