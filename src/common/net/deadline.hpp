// Deadline: one moving deadline over one connection, kept by a watchdog timer.
//
// When it passes, the connection is closed (RST) and has_expired(): that ends whatever its owner
// awaits, now or next.
// Cancelling instead could fall between two operations and be lost. Lives beside the connection in
// the same coroutine frame, on the worker's thread; destroying it calls it off.
#pragma once

#include <memory>

#include "common/net/asio.hpp"

namespace inout {

class Connection;

class Deadline {
  public:
    /// `connection` must outlive this.
    explicit Deadline(Connection& connection);
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    ~Deadline();

    void expires_at(Clock::time_point when);
    void expires_after(Milliseconds delay) { expires_at(Clock::now() + delay); }
    void cancel();

  private:
    struct Watch {
        explicit Watch(const Executor& executor) : timer(executor) {}
        Timer timer;
        Connection* target = nullptr;  // nothing once the deadline is gone
    };
    std::shared_ptr<Watch> watch_;
};

}  // namespace inout
