#include "common/net/dial_queue.hpp"

#include <algorithm>
#include <new>

namespace inout {

/// A waiter's stay in its line. However the wait ends, for want of memory too, it takes neither its
/// place nor a turn that it was given with it.
class DialQueue::Stay {
  public:
    Stay(DialQueue& queue, Line& line, std::shared_ptr<Waiter> waiter)
        : queue_(queue), line_(line), waiter_(std::move(waiter)) {}
    Stay(const Stay&) = delete;
    Stay& operator=(const Stay&) = delete;
    ~Stay() {
        if (waiter_) queue_.leave(line_, waiter_);
    }
    /// What there was to settle has been settled.
    void end() { waiter_.reset(); }

  private:
    DialQueue& queue_;
    Line& line_;
    std::shared_ptr<Waiter> waiter_;
};

DialQueue::Turn::~Turn() {
    if (queue_ != nullptr) queue_->ended(*this);
}

Task<Result<DialQueue::Turn, std::string>> DialQueue::turn(Executor executor, DialFor what,
                                                           Clock::time_point deadline,
                                                           Milliseconds patience) {
    std::shared_ptr<Waiter> waiter;
    Line& line = lines_[static_cast<std::size_t>(what)];
    {
        const std::lock_guard lock(mutex_);
        if (running_ < limit_.now() && waiting() == 0) {
            ++running_;
            co_return Turn(*this);
        }
        if (line.size() >= kDialsWaitingMax) {
            co_return Failure{std::string("too many dials wait for their turn")};
        }
        waiter = std::make_shared<Waiter>(executor);
        waiter->patient_until = waiter->arrived + patience;
        waiter->timer.expires_at(deadline);
        line.push_back(waiter);
    }
    Stay stay(*this, line, waiter);
    co_await waiter->timer.async_wait(use_result);
    const std::lock_guard lock(mutex_);
    stay.end();
    if (waiter->state == Waiter::State::admitted) co_return Turn(*this);
    const bool silent = waiter->state == Waiter::State::given_up;
    if (!silent) line.remove(waiter);
    co_return Failure{silent ? std::string("does not answer, as the dials before this one saw")
                             : "no turn in time: " + std::to_string(running_) + " dials run, " +
                                   std::to_string(waiting()) + " wait"};
}

void DialQueue::leave(Line& line, const std::shared_ptr<Waiter>& waiter) {
    const std::lock_guard lock(mutex_);
    if (waiter->state == Waiter::State::waiting) line.remove(waiter);
    if (waiter->state != Waiter::State::admitted) return;
    --running_;
    admit_next();
}

void DialQueue::ended(const Turn& turn) {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    --running_;
    if (turn.end_ == Turn::End::success) {
        limit_.succeeded(waiting() > 0);
        last_success_ = now;
    }
    if (turn.end_ == Turn::End::time_out) {
        limit_.timed_out(turn.begun_, now);
        for (Line& line : lines_) {
            std::erase_if(line, [&](const std::shared_ptr<Waiter>& waiter) {
                if (now < waiter->patient_until || waiter->arrived <= last_success_) return false;
                wake(waiter, Waiter::State::given_up);
                return true;
            });
        }
    }
    admit_next();
}

void DialQueue::admit_next() {
    while (running_ < limit_.now() && waiting() > 0) {
        Line& line = next_line();
        ++running_;
        wake(line.front(), Waiter::State::admitted);
        line.pop_front();
    }
}

/// Requires that somebody waits.
DialQueue::Line& DialQueue::next_line() {
    constexpr unsigned kOldestInTurn = 4;
    const auto is_before = [](const Line& a, const Line& b) {
        return !a.empty() && (b.empty() || a.front()->arrived < b.front()->arrived);
    };
    if (++turns_ % kOldestInTurn == 0) {
        return *std::min_element(lines_.begin(), lines_.end(), is_before);
    }
    return *std::find_if(lines_.begin(), lines_.end(), [](const Line& l) { return !l.empty(); });
}

std::size_t DialQueue::waiting() const {
    std::size_t sum = 0;
    for (const Line& line : lines_) sum += line.size();
    return sum;
}

/// Without memory the waiter finds its new state only at its own deadline.
void DialQueue::wake(const std::shared_ptr<Waiter>& waiter, Waiter::State state) noexcept {
    waiter->state = state;
    const Executor executor = waiter->timer.get_executor();
    try {
        asio::post(executor, [waiter] { waiter->timer.cancel(); });
    } catch (const std::bad_alloc&) {
        return;
    }
}

}  // namespace inout
