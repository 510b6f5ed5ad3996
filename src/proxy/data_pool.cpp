#include "proxy/data_pool.hpp"

#include <algorithm>
#include <new>

#include "common/base/log.hpp"

namespace inout::proxy {

/// A stream without a connection. The timer is its condition variable and its deadline; the rest
/// is written on the stream's own thread.
struct DataPool::Waiter {
    explicit Waiter(Worker& w) : worker(w), timer(w.context()) {}
    Worker& worker;
    Timer timer;
    ConnectionPtr connection;
    Lease lease;
    bool answered = false;
    bool closed = false;
};

/// A stream that waits no more, also when memory has run out for it: it takes no connection that
/// comes for the others.
struct DataPool::Leaving {
    DataPool& pool;
    const std::shared_ptr<Waiter>& waiter;
    Connection& in;
    ~Leaving() {
        if (!waiter) return;
        in.on_reset({});
        if (waiter->answered) return;
        const std::lock_guard lock(pool.mutex_);
        std::erase(pool.waiters_, waiter);
    }
};

DataPool::DataPool(PoolPolicy policy, std::size_t parked_max, std::size_t waiting_max, Ask ask,
                   ParkingRoom room)
    : policy_(std::move(policy)),
      parked_max_(parked_max),
      waiting_max_(waiting_max),
      ask_(std::move(ask)),
      room_(std::move(room)),
      parked_(std::make_shared<IdlePool>(counters().parked)) {}

void DataPool::set_bounds(std::size_t parked_min, std::size_t parked_max, std::size_t waiting_max) {
    const std::lock_guard lock(mutex_);
    policy_.set_bounds(parked_min, parked_max);
    parked_max_ = parked_max;
    waiting_max_ = waiting_max;
}

void DataPool::open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    lends_until_.reset();
    had_no_room_ = false;
    ask_for_more();
}

/// The stream that needs it asks for the first connection itself, so that out hears that one waits.
void DataPool::lend_out(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (open_ && !lends_until_) return;
    if (!open_) had_no_room_ = false;
    open_ = true;
    lends_until_ = now + kLendTime;
}

bool DataPool::is_open() {
    const std::lock_guard lock(mutex_);
    return open_;
}

bool DataPool::is_awaited() {
    const std::lock_guard lock(mutex_);
    return !waiters_.empty();
}

void DataPool::close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    lends_until_.reset();
    parked_->retire_all();
    for (const auto& waiter : std::exchange(waiters_, {})) {
        asio::post(waiter->worker.context(), [waiter] {
            waiter->closed = waiter->answered = true;
            waiter->timer.cancel();
        });
    }
}

bool DataPool::has_room() {
    const std::lock_guard lock(mutex_);
    const bool may_park = !room_.is_there || room_.is_there();
    return open_ && ((may_park && parked_->size() < parked_max_) || !waiters_.empty());
}

void DataPool::came_in_vain() {
    const std::lock_guard lock(mutex_);
    policy_.arrived();
    if (!open_) return;
    if (parked_->size() < parked_max_) had_no_room_ = true;
    ask_for_more();
}

void DataPool::park(ConnectionPtr connection, bool reusable) {
    connection->keep_alive();
    const Use use = reusable ? Use::again : Use::once;
    std::shared_ptr<Waiter> waiter;
    Lease lease;
    {
        const std::lock_guard lock(mutex_);
        policy_.arrived(reusable);
        if (!open_) return;
        waiter = next_waiter();
        if (waiter) {
            lease = lend(use);
        } else if (parked_->size() < parked_max_) {
            had_no_room_ = !keep(connection, use);
        }
        ask_for_more();
    }
    if (waiter) {
        hand_over(std::make_shared<IdlePool::Idle>(std::move(connection), use), waiter,
                  std::move(lease));
    }
}

/// Parks it, if its descriptor has room.
bool DataPool::keep(ConnectionPtr& connection, Use use) {
    std::unique_ptr<DescriptorBudget::Share> share;
    if (room_.take && !room_.take(share)) return false;
    parked_->park(
        std::move(connection), std::move(share),
        [pool = weak_from_this()] {
            if (const auto self = pool.lock()) self->lost_one();
        },
        use);
    return true;
}

/// The stream that has waited longest, and does so no more.
std::shared_ptr<DataPool::Waiter> DataPool::next_waiter() {
    if (waiters_.empty()) return nullptr;
    auto waiter = waiters_.front();
    waiters_.pop_front();
    return waiter;
}

DataPool::Lease DataPool::lend(Use use) {
    if (use == Use::once) return {};
    policy_.lent();
    return Lease(shared_from_this());
}

void DataPool::give_back(ConnectionPtr connection, bool worn_out) {
    connection->keep_alive();
    std::shared_ptr<Waiter> waiter;
    Lease lease;
    {
        const std::lock_guard lock(mutex_);
        const bool wanted = policy_.returned(parked_->size()) && parked_->size() < parked_max_;
        if (open_ && !worn_out) {
            waiter = next_waiter();
            if (waiter) {
                lease = lend(Use::again);
            } else if (wanted) {
                had_no_room_ = !keep(connection, Use::again);
            }
        }
        if (open_) ask_for_more();
    }
    if (waiter) {
        hand_over(std::make_shared<IdlePool::Idle>(std::move(connection), Use::again), waiter,
                  std::move(lease));
    } else if (connection) {
        close_idle(*connection, Use::again);
    }
}

/// The next tick() asks for another one, if memory has run out for that now.
void DataPool::spent() noexcept {
    try {
        const std::lock_guard lock(mutex_);
        policy_.spent();
        if (open_) ask_for_more();
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
}

DataPool::Lease& DataPool::Lease::operator=(Lease&& other) noexcept {
    Lease(std::move(other)).pool_.swap(pool_);
    return *this;
}

DataPool::Lease::~Lease() {
    if (pool_) pool_->spent();
}

void DataPool::Lease::give_back(ConnectionPtr connection, bool worn_out) {
    if (const auto pool = std::exchange(pool_, nullptr)) {
        pool->give_back(std::move(connection), worn_out);
    } else {
        close_idle(*connection, Use::again);
    }
}

void DataPool::lost_one() {
    const std::lock_guard lock(mutex_);
    if (open_) ask_for_more();
}

void DataPool::hand_over(const std::shared_ptr<IdlePool::Idle>& idle,
                         const std::shared_ptr<Waiter>& waiter, Lease lease) {
    // On the connection's thread its watch ends and it is freed from its context; on the stream's
    // thread it is taken in. Where both are one, the second step is the first.
    asio::dispatch(idle->executor(), [idle, waiter, lease = std::move(lease)]() mutable {
        ConnectionPtr moved = idle->claim();
        if (moved && idle->executor() != waiter->worker.executor()) {
            moved->move_to(waiter->worker.context());
        }
        asio::dispatch(waiter->worker.context(),
                       [waiter, moved = std::move(moved), lease = std::move(lease)]() mutable {
                           waiter->connection = std::move(moved);
                           waiter->lease = std::move(lease);
                           waiter->answered = true;
                           waiter->timer.cancel();
                       });
    });
}

Task<DataPool::Take> DataPool::take(Worker& worker, Clock::time_point deadline, Connection& in) {
    const auto self = shared_from_this();
    for (bool first = true;; first = false) {
        std::shared_ptr<Waiter> waiter;
        const Leaving leaving{*this, waiter, in};
        std::shared_ptr<IdlePool::Idle> parked;
        Lease lease;
        {
            const std::lock_guard lock(mutex_);
            if (!open_) co_return Take{Taken::closed, {}};
            if (in.was_reset()) co_return Take{Taken::given_up, {}};
            parked = parked_->pick(worker.executor());
            if (!parked && waiters_.size() >= waiting_max_) {
                co_return Take{Taken::too_many_waiting, {}};
            }
            if (!parked || parked->executor() != worker.executor()) {
                waiter = std::make_shared<Waiter>(worker);
            }
            if (!parked) waiters_.push_back(waiter);
            if (first) policy_.stream_opened();
            if (parked) lease = lend(parked->use());
            ask_for_more();
        }
        if (!waiter) {
            if (ConnectionPtr own = parked->claim()) {
                co_return Take{Taken::ok, std::move(own), std::move(lease)};
            }
            continue;
        }
        if (parked) hand_over(parked, waiter, std::move(lease));
        in.on_reset([waiter] { waiter->timer.cancel(); });
        auto wait_until = deadline, ask_again = Clock::now() + kWaitingExpiry;
        bool on_its_way = false;
        while (!waiter->answered) {
            waiter->timer.expires_at(std::min(wait_until, ask_again));
            const auto [error] = co_await waiter->timer.async_wait(use_result);
            if (waiter->answered || (error && !in.was_reset())) continue;
            const std::lock_guard lock(mutex_);
            if (Clock::now() < wait_until && (on_its_way || !in.was_reset())) {
                ask_again = Clock::now() + kWaitingExpiry;
                if (open_) ask_for_more();
                continue;
            }
            // Still in the queue: nobody will answer. Otherwise an answer is on its way, unless
            // memory ran out for it.
            if (std::erase(waiters_, waiter) > 0 || std::exchange(on_its_way, true)) {
                co_return Take{in.was_reset() ? Taken::given_up : Taken::timeout, {}};
            }
            wait_until = Clock::now() + kHandOver;
        }
        if (waiter->closed) co_return Take{Taken::closed, {}};
        if (waiter->connection) {
            co_return Take{Taken::ok, std::move(waiter->connection), std::move(waiter->lease)};
        }
        // It died between the pool and here: the next one.
    }
}

void DataPool::tick() {
    const std::lock_guard lock(mutex_);
    had_no_room_ = false;
    if (lends_until_ && waiters_.empty() && Clock::now() >= *lends_until_) {
        open_ = false;
        lends_until_.reset();
        parked_->retire_all();
    }
    if (!open_) return;
    parked_->retire(policy_.surplus(parked_->size(), Clock::now()));
    ask_for_more();
}

void DataPool::ask_for_more() {
    // What was just closed again would be dialled without an end.
    const bool may_park = !had_no_room_ && (!room_.is_there || room_.is_there());
    const std::size_t count =
        policy_.request(parked_->size(), waiters_.size(), Clock::now(), may_park);
    if (count > 0) ask_(count, !waiters_.empty());
}

}  // namespace inout::proxy
