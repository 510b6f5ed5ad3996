// What is in flight in this process, for the status line and for tests that expect zero at the end.
//
// One instance per process, reached through counters(); relaxed atomics, any thread.
#pragma once

#include <atomic>
#include <cstddef>

namespace inout {

struct Counters {
    std::atomic<std::size_t> streams{0};         ///< relayed now
    std::atomic<std::size_t> opening{0};         ///< accepted or asked for, not yet relayed
    std::atomic<std::size_t> sockets{0};         ///< connections of any kind
    std::atomic<std::size_t> pipes{0};           ///< relay pipes, in use or kept for the next burst
    std::atomic<std::size_t> parked{0};          ///< parked data connections
    std::atomic<std::size_t> warm{0};            ///< spare connections between in and proxy
    std::atomic<std::size_t> controls{0};        ///< registered control connections
    std::atomic<std::size_t> topics{0};          ///< topics that somebody serves
    std::atomic<std::size_t> topics_held{0};     ///< out: registered, and ours
    std::atomic<std::size_t> topics_waiting{0};  ///< out: registered, behind another out
    std::atomic<std::size_t> topics_unregistered{0};  ///< out: not (yet) registered
    std::atomic<std::size_t> tasks{0};                ///< coroutines started and not ended
    std::atomic<std::size_t> streams_total{0};
    std::atomic<std::size_t> failed_total{0};    ///< opens that failed
    std::atomic<std::size_t> refused_total{0};   ///< connections that were not accepted
    std::atomic<std::size_t> denied_total{0};    ///< requests without permission
    std::atomic<std::size_t> evicted_total{0};   ///< strangers that made room for newer ones
    std::atomic<std::size_t> monitors_total{0};  ///< who connected, or shook hands, and left
    std::atomic<std::size_t> lines_held{0};      ///< log lines held back by their budget
    std::atomic<std::size_t> lines_lost{0};      ///< log lines for which there was no room
};

inline Counters& counters() {
    static Counters instance;
    return instance;
}

/// Counts one thing for as long as it lives; movable.
class Counted {
  public:
    explicit Counted(std::atomic<std::size_t>& counter) : counter_(&counter) { add(); }
    Counted(Counted&& other) noexcept : counter_(other.counter_) { other.counter_ = nullptr; }
    Counted& operator=(Counted&& other) noexcept {
        if (this != &other) {
            remove();
            counter_ = other.counter_;
            other.counter_ = nullptr;
        }
        return *this;
    }
    ~Counted() { remove(); }

  private:
    void add() { counter_->fetch_add(1, std::memory_order_relaxed); }
    void remove() {
        if (counter_ != nullptr) counter_->fetch_sub(1, std::memory_order_relaxed);
    }
    std::atomic<std::size_t>* counter_;
};

}  // namespace inout
