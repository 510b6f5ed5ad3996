// Spare connections to one proxy, for the next clients of one worker: each saves a client the
// round trip of a dial.
//
// None before the first client, none to a proxy that did not announce that it takes them or that is
// near (kSpareRoundTripMin); after it, as many as the bursts need. Each is dropped when it dies or
// grows old (kSpareQuiet), and not replaced when no client came for as long. Optional: none is made
// once half of what this proxy may have of the descriptors is taken. Worker's thread only, except
// close(). docs/protocol.md, "Spare connections".
#pragma once

#include <memory>

#include "common/app/worker.hpp"
#include "common/config/types.hpp"
#include "common/net/idle_pool.hpp"
#include "common/open/proxy_link.hpp"
#include "common/rules/budget.hpp"
#include "common/rules/pool_policy.hpp"
#include "common/wire/message.hpp"

namespace inout::in {

class SparePool {
  public:
    /// `number`: that of this proxy in the budget.
    SparePool(Worker& worker, const InConfig& config, const ProxyLink& proxy_link, Budget& budget,
              std::size_t number);
    SparePool(const SparePool&) = delete;
    SparePool& operator=(const SparePool&) = delete;

    /// A client came; a connection for it that was alive a moment ago, or nothing.
    ConnectionPtr take();
    /// What the proxy's answer to a client's request told.
    void learn(Connection& connection, const Response& response);
    /// One turned out dead at its use.
    void drop_all() { idle_->retire_all(); }
    /// Closes all; no more from now on. Any thread.
    void close();

  private:
    Task<> open_spare(Budget::Places places);
    bool take_place(Budget::Places& places);
    void refill();
    void drop_old();
    void wait_for_age();

    Worker& worker_;
    const InConfig& config_;
    const ProxyLink& proxy_link_;
    Budget& budget_;
    const std::size_t number_;
    PoolPolicy policy_;
    Clock::time_point measure_at_{};
    bool pays_ = false;
    Milliseconds keep_{0};  // 0: the proxy takes none, or it does not pay
    Clock::time_point last_client_{};
    const std::shared_ptr<IdlePool> idle_;
    Timer age_timer_;
    Clock::time_point refused_until_{};  // the proxy had no room for more
    std::atomic<std::size_t> opening_{0};
    bool closed_ = false;
};

}  // namespace inout::in
