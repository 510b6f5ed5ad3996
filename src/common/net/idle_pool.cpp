#include "common/net/idle_pool.hpp"

#include <algorithm>
#include <utility>

namespace inout {

IdlePool::Idle::Idle(ConnectionPtr connection, Use use)
    : executor_(connection->executor()), use_(use), connection_(std::move(connection)) {}

ConnectionPtr IdlePool::Idle::claim() {
    ConnectionPtr claimed = std::move(connection_);
    claimed->cancel_waits();
    // Its end may be known to the kernel and not yet here, and what is handed out gets a peer's
    // first bytes.
    if (!claimed->is_open() || !claimed->is_quiet()) return nullptr;
    return claimed;
}

void IdlePool::park(ConnectionPtr connection, std::shared_ptr<void> keep,
                    std::function<void()> lost, Use use) {
    const auto idle = std::make_shared<Idle>(std::move(connection), use);
    idle->since_ = Clock::now();
    idle->keep_ = std::move(keep);
    idle->lost_ = std::move(lost);
    {
        const std::lock_guard lock(mutex_);
        idle->place_ = idle_.insert(idle_.end(), idle);
        counted_.set(idle_.size());
    }
    watch(idle);  // whoever has taken it meanwhile claims it on this thread, so later
}

void IdlePool::watch(const std::shared_ptr<Idle>& idle) {
    // Readable while idle means an end, an error, or a peer that talks out of turn. This holds the
    // connection until the wait is over, so that it goes on its own thread.
    idle->connection_->until_input([pool = weak_from_this(), idle](std::error_code error) {
        const auto self = pool.lock();
        if (error || !self || !idle->connection_) return;  // taken or closed
        if (idle->connection_->is_quiet()) {
            self->watch(idle);
            return;
        }
        idle->connection_->close();
        if (self->drop(*idle) && idle->lost_) idle->lost_();
    });
}

/// False: somebody else has taken it out.
bool IdlePool::drop(Idle& idle) {
    const std::lock_guard lock(mutex_);
    if (!idle.place_) return false;
    unlist(*idle.place_);
    return true;
}

std::shared_ptr<IdlePool::Idle> IdlePool::unlist(List::iterator at) {
    auto idle = std::move(*at);
    idle_.erase(at);
    note_leaving(*idle);
    return idle;
}

void IdlePool::note_leaving(Idle& idle) {
    counted_.set(idle_.size());
    idle.place_.reset();
    idle.keep_.reset();
}

std::shared_ptr<IdlePool::Idle> IdlePool::unlist_newest(const Executor& here, bool or_of_others) {
    // The newest is the least likely to be dead; one of the same worker needs no move.
    const std::lock_guard lock(mutex_);
    auto found = std::find_if(idle_.rbegin(), idle_.rend(),
                              [&](const auto& idle) { return idle->executor_ == here; });
    if (found == idle_.rend() && or_of_others) found = idle_.rbegin();
    return found == idle_.rend() ? nullptr : unlist(std::next(found).base());
}

ConnectionPtr IdlePool::take(const Executor& here, Use* use) {
    while (const auto idle = unlist_newest(here, false)) {
        if (ConnectionPtr taken = idle->claim()) {
            if (use != nullptr) *use = idle->use_;
            return taken;
        }
    }
    return nullptr;
}

std::shared_ptr<IdlePool::Idle> IdlePool::pick(const Executor& here) {
    return unlist_newest(here, true);
}

void IdlePool::retire(std::size_t surplus, Clock::time_point aged) {
    const std::lock_guard lock(mutex_);
    while (!idle_.empty() && (surplus > 0 || idle_.front()->since_ <= aged)) {
        const auto oldest = idle_.begin();
        // Its last handle ends on its own thread, too. What needs memory comes first.
        asio::post((*oldest)->executor_,
                   [self = shared_from_this(), oldest] { self->close(oldest); });
        retired_.splice(retired_.end(), idle_, oldest);
        note_leaving(**oldest);
        if (surplus > 0) --surplus;
    }
}

void IdlePool::close(List::iterator retired) {
    std::shared_ptr<Idle> idle;
    {
        const std::lock_guard lock(mutex_);
        idle = std::move(*retired);
        retired_.erase(retired);
    }
    close_idle(*idle->connection_, idle->use_);
}

std::size_t IdlePool::size() {
    const std::lock_guard lock(mutex_);
    return idle_.size();
}

std::optional<Clock::time_point> IdlePool::oldest() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::nullopt;
    return idle_.front()->since_;
}

}  // namespace inout
