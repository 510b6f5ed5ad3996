// Deadline: one moving deadline over one connection, kept by a watchdog timer.
//
// When it passes, the connection is closed and has_expired(): that ends whatever its owner
// awaits, now or next.
// Cancelling instead could fall between two operations and be lost. Lives beside the connection in
// the same coroutine frame, on the worker's thread; destroying it calls it off.
#pragma once

#include <memory>

#include "common/net/close_soon.hpp"

namespace inout {

class Deadline {
  public:
    /// `connection` must outlive this. It ends by close_idle() with this `use`.
    explicit Deadline(Connection& connection, Use use = Use::once);
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    ~Deadline();

    void expires_at(Clock::time_point when);
    void expires_after(Milliseconds delay) { expires_at(Clock::now() + delay); }
    void cancel();

  private:
    struct Watch {
        Watch(Connection& connection, Use u)
            : timer(connection.executor()), target(&connection), use(u) {}
        Timer timer;
        Connection* target;  // nothing once the deadline is gone
        const Use use;
    };
    std::shared_ptr<Watch> watch_;
};

}  // namespace inout
