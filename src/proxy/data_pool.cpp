#include "proxy/data_pool.hpp"

#include <algorithm>

namespace inout::proxy {

/// A stream without a connection. The timer is its condition variable and its deadline; the rest
/// is written on the stream's own thread.
struct DataPool::Waiter {
    explicit Waiter(Worker& w) : worker(w), timer(w.context()) {}
    Worker& worker;
    Timer timer;
    ConnectionPtr connection;
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

void DataPool::open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    had_no_room_ = false;
    ask_for_more();
}

void DataPool::close() {
    const std::lock_guard lock(mutex_);
    open_ = false;
    parked_->retire_all();
    for (const auto& waiter : std::exchange(waiters_, {})) {
        asio::post(waiter->worker.context(), [waiter] {
            waiter->closed = waiter->answered = true;
            waiter->timer.cancel();
        });
    }
}

bool DataPool::is_open() {
    const std::lock_guard lock(mutex_);
    return open_;
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

void DataPool::park(ConnectionPtr connection) {
    connection->keep_alive();
    const std::lock_guard lock(mutex_);
    policy_.arrived();
    if (!open_) return;
    if (!waiters_.empty()) {
        const auto fresh = std::make_shared<IdlePool::Idle>(std::move(connection));
        const auto waiter = waiters_.front();
        waiters_.pop_front();
        hand_over(fresh, waiter);
    } else if (parked_->size() < parked_max_) {
        std::unique_ptr<DescriptorBudget::Share> share;
        had_no_room_ = room_.take && !room_.take(share);
        if (!had_no_room_) {
            parked_->park(std::move(connection), std::move(share), [pool = weak_from_this()] {
                if (const auto self = pool.lock()) self->lost_one();
            });
        }
    }
    ask_for_more();
}

void DataPool::lost_one() {
    const std::lock_guard lock(mutex_);
    if (open_) ask_for_more();
}

void DataPool::hand_over(const std::shared_ptr<IdlePool::Idle>& idle,
                         const std::shared_ptr<Waiter>& waiter) {
    // On the connection's thread its watch ends and it is freed from its context; on the stream's
    // thread it is taken in. Where both are one, the second step is the first.
    asio::dispatch(idle->executor(), [idle, waiter] {
        ConnectionPtr moved = idle->claim();
        if (moved && idle->executor() != waiter->worker.executor()) {
            moved->move_to(waiter->worker.context());
        }
        asio::dispatch(waiter->worker.context(), [waiter, moved = std::move(moved)]() mutable {
            waiter->connection = std::move(moved);
            waiter->answered = true;
            waiter->timer.cancel();
        });
    });
}

Task<DataPool::Take> DataPool::take(Worker& worker, Clock::time_point deadline, Connection& in) {
    const auto self = shared_from_this();
    for (bool first = true;; first = false) {
        const auto waiter = std::make_shared<Waiter>(worker);
        const Leaving leaving{*this, waiter, in};
        std::shared_ptr<IdlePool::Idle> parked;
        {
            const std::lock_guard lock(mutex_);
            if (!open_) co_return Take{Taken::closed, {}};
            if (in.was_reset()) co_return Take{Taken::given_up, {}};
            parked = parked_->pick(worker.executor());
            if (!parked && waiters_.size() >= waiting_max_) {
                co_return Take{Taken::too_many_waiting, {}};
            }
            if (!parked) waiters_.push_back(waiter);
            if (first) policy_.stream_opened();
            ask_for_more();
        }
        if (parked) hand_over(parked, waiter);
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
        if (waiter->connection) co_return Take{Taken::ok, std::move(waiter->connection)};
        // It died between the pool and here: the next one.
    }
}

void DataPool::tick() {
    const std::lock_guard lock(mutex_);
    had_no_room_ = false;
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
