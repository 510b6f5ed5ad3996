// IdlePool: connections that wait for their next use, each on its own worker.
//
// Each is watched there; one that ends, fails or talks out of turn is closed and leaves. Who parks
// and who takes, and how many there should be, is not known here. Thread-safe. Held by who uses it,
// who retires what is in it before letting go.
#pragma once

#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "common/base/counters.hpp"
#include "common/net/close_soon.hpp"

namespace inout {

class IdlePool : public std::enable_shared_from_this<IdlePool> {
  public:
    /// A connection that has left a pool, or was never in one, and may have ended meanwhile.
    class Idle;

    /// `counter` counts what is in it.
    explicit IdlePool(const Counter& counter) : counted_(counter) {}

    /// On the connection's thread. `keep` is released when it leaves, however it does, maybe under
    /// this pool's lock and on another thread; `lost` is called, on its thread, if it does so by
    /// itself.
    void park(ConnectionPtr connection, std::shared_ptr<void> keep = {},
              std::function<void()> lost = {}, Use use = Use::once);

    /// The newest of worker `here`, which is alive and quiet; nothing: there is none. On that
    /// worker's thread. `use` is set to what it was parked with.
    ConnectionPtr take(const Executor& here, Use* use = nullptr);
    /// The newest of worker `here`, or else the newest of all, to be claimed on its own thread.
    std::shared_ptr<Idle> pick(const Executor& here);

    /// The oldest leave, `surplus` of them and all that were parked until `aged`, and are closed a
    /// moment later (close_idle).
    void retire(std::size_t surplus, Clock::time_point aged = Clock::time_point::min());
    void retire_all() { retire(std::numeric_limits<std::size_t>::max()); }

    std::size_t size();
    /// When the oldest was parked.
    std::optional<Clock::time_point> oldest();

  private:
    using List = std::list<std::shared_ptr<Idle>>;
    void watch(const std::shared_ptr<Idle>& idle);
    bool drop(Idle& idle);
    void note_leaving(Idle& idle);
    std::shared_ptr<Idle> unlist(List::iterator at);
    void close(List::iterator retired);
    std::shared_ptr<Idle> unlist_newest(const Executor& here, bool or_of_others);

    std::mutex mutex_;
    List idle_;     // the newest at the back
    List retired_;  // until they are closed
    CountedMany counted_;
};

/// Its connection is touched on its worker's thread only.
class IdlePool::Idle {
  public:
    explicit Idle(ConnectionPtr connection, Use use);

    const Executor& executor() const { return executor_; }
    Use use() const { return use_; }
    /// Ends its watch. The connection, if it is still alive and quiet. Once, on its thread.
    ConnectionPtr claim();

  private:
    friend class IdlePool;
    const Executor executor_;
    const Use use_;
    ConnectionPtr connection_;
    // The rest is the pool's while it is in there, under the lock, and then of who took it out.
    std::optional<List::iterator> place_;
    Clock::time_point since_{};
    std::shared_ptr<void> keep_;
    std::function<void()> lost_;
};

}  // namespace inout
