// Waiting: a coroutine that waits for what another thread will say. It is on its executor; whoever
// says it may be on any thread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "common/net/asio.hpp"

namespace inout::cluster {

template <class T>
class Waiting {
  public:
    explicit Waiting(const Executor& executor) : timer_(executor) {}
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    /// For who does not wait yet.
    void set(T value) {
        const std::lock_guard lock(mutex_);
        value_ = std::move(value);
    }
    /// Wakes it. The last owner goes on its executor, as timers demand.
    static void tell(std::shared_ptr<Waiting> waiting, T value) {
        waiting->set(std::move(value));
        Timer& timer = waiting->timer_;
        asio::post(timer.get_executor(), [its = std::move(waiting)] { its->timer_.cancel(); });
    }
    /// Nothing: not until then.
    Task<std::optional<T>> take(Clock::time_point deadline) {
        while (true) {
            auto value = taken();
            if (value || Clock::now() >= deadline) co_return value;
            timer_.expires_at(deadline);
            co_await timer_.async_wait(use_result);
        }
    }

  private:
    std::optional<T> taken() {
        const std::lock_guard lock(mutex_);
        return std::exchange(value_, std::nullopt);
    }

    std::mutex mutex_;
    std::optional<T> value_;
    Timer timer_;
};

}  // namespace inout::cluster
