#include "common/app/standstill.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>

namespace inout {
namespace {

/// Longer than any handler takes.
constexpr Milliseconds kStandstillWithin{2'000};

struct Standstill {
    std::mutex mutex;
    std::condition_variable changed;
    std::size_t waiting = 0;
    bool is_over = false;

    void wait() {
        std::unique_lock lock(mutex);
        if (is_over) return;  // it was given up before this worker came to it
        ++waiting;
        changed.notify_all();
        changed.wait(lock, [this] { return is_over; });
    }
    bool reach(std::size_t workers) {
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, kStandstillWithin,
                                [this, workers] { return waiting == workers; });
    }
    void end() {
        const std::lock_guard lock(mutex);
        is_over = true;
        changed.notify_all();
    }
};

}  // namespace

bool while_workers_stand_still(Workers& workers, const std::function<void()>& what) {
    struct Ended {
        std::shared_ptr<Standstill> all = std::make_shared<Standstill>();
        ~Ended() { all->end(); }
    };
    const Ended standstill;
    workers.for_each([&](Worker& worker) {
        asio::post(worker.executor(), [all = standstill.all] { all->wait(); });
    });
    if (!standstill.all->reach(workers.size())) return false;
    what();
    return true;
}

}  // namespace inout
