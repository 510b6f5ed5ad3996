// The parked data connections of one registration, and the streams that wait for one.
//
// Thread-safe: streams on any worker take, data connections on any worker park. A parked connection
// is watched on the worker it lives on; it dies there, or is taken there and moved to the stream's
// worker. One that carries one stream after another is lent, and comes back. Owned by its
// registration, and by each stream that waits or has a lease.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "common/app/worker.hpp"
#include "common/base/scale_limits.hpp"
#include "common/net/connection.hpp"
#include "common/net/idle_pool.hpp"
#include "common/rules/pool_policy.hpp"
#include "proxy/descriptor_budget.hpp"

namespace inout::proxy {

/// Whether another connection may be parked, and its share of the descriptors. Empty: always.
struct ParkingRoom {
    std::function<bool()> is_there{};
    std::function<bool(std::unique_ptr<DescriptorBudget::Share>&)> take{};
};

class DataPool : public std::enable_shared_from_this<DataPool> {
  public:
    /// Requests that many data connections from out; `waiting`: a stream waits for one. Called
    /// under the pool's lock, so it may only post.
    using Ask = std::function<void(std::size_t count, bool waiting)>;
    /// At most `waiting_max` streams wait. `room` is asked before something is parked.
    DataPool(PoolPolicy policy, std::size_t parked_max, std::size_t waiting_max, Ask ask,
             ParkingRoom room = {});

    /// Other bounds from now on: of what is parked, and of the streams that wait.
    void set_bounds(std::size_t parked_min, std::size_t parked_max, std::size_t waiting_max);
    /// Begins to ask for connections: the registration holds its topic now.
    void open();
    /// Its registration is not the one that holds the topic, but streams need it: as open() until
    /// none has come for kLendTime, or close(). What is open stays so.
    void lend_out(Clock::time_point now);
    /// Parked connections close, waiting streams get nothing. May be opened again.
    void close();
    /// Whether it asks for connections, for good or for a while.
    bool is_open();
    /// Whether a stream waits.
    bool is_awaited();

    /// A data connection is there and answered; on its thread. It closes if nobody wants it, or if
    /// there is no room, as in came_in_vain(). `reusable`: it carries one stream after another.
    void park(ConnectionPtr connection, bool reusable = false);
    /// How many are parked now.
    std::size_t parked() { return parked_->size(); }
    /// Whether another parked connection would be kept.
    bool has_room();
    /// One came and was not kept: none is asked for in its place before the next tick, unless a
    /// stream waits.
    void came_in_vain();

    /// A connection that was lent. It is spent when this goes: it ended with its stream, or will.
    class Lease {
      public:
        Lease() = default;
        explicit Lease(std::shared_ptr<DataPool> pool) : pool_(std::move(pool)) {}
        Lease(Lease&&) = default;
        Lease& operator=(Lease&& other) noexcept;
        ~Lease();
        /// Nothing was lent.
        bool is_empty() const { return !pool_; }

        /// It is ready for another stream, which gets it now or when one comes; on its thread. It
        /// ends with FIN if it is too much, if the registration is over, or if it is `worn_out`.
        void give_back(ConnectionPtr connection, bool worn_out = false);

      private:
        std::shared_ptr<DataPool> pool_;
    };

    enum class Taken { ok, timeout, closed, too_many_waiting, given_up };
    struct Take {
        Taken result;
        ConnectionPtr connection;  ///< set if ok; lives on the caller's worker
        Lease lease{};             ///< if that is reusable
    };
    /// A parked connection that was alive a moment ago, or the next one to come. Given up when
    /// `in` was reset, so that nobody waits behind streams that are not wanted any more.
    Task<Take> take(Worker& worker, Clock::time_point deadline, Connection& in);

    /// Parked connections close: others need their descriptors more.
    void shed() { parked_->retire_all(); }

    /// Replaces what was asked for in vain and closes what is too much; called every few seconds.
    void tick();

  private:
    struct Waiter;
    struct Leaving;

    static void hand_over(const std::shared_ptr<IdlePool::Idle>& idle,
                          const std::shared_ptr<Waiter>& waiter, Lease lease);
    std::shared_ptr<Waiter> next_waiter();
    Lease lend(Use use);
    bool keep(ConnectionPtr& connection, Use use);
    void give_back(ConnectionPtr connection, bool worn_out);
    void spent() noexcept;
    void lost_one();
    void ask_for_more();

    std::mutex mutex_;
    PoolPolicy policy_;
    std::size_t parked_max_, waiting_max_;
    const Ask ask_;
    const ParkingRoom room_;
    bool open_ = false;
    std::optional<Clock::time_point> lends_until_;  // open for so long, not for good
    bool had_no_room_ = false;                      // since the last tick, for one that came
    const std::shared_ptr<IdlePool> parked_;
    std::deque<std::shared_ptr<Waiter>> waiters_;  // the oldest at the front
};

}  // namespace inout::proxy
