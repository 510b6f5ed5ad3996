// ErrorWatch: notices an RST on a connection that nobody need be reading, such as a client's while
// its stream is being opened: then that was_reset(). Does not touch the connection's data. Same
// thread and frame as it.
#pragma once

#include <memory>

#include "common/net/connection.hpp"

namespace inout {

class ErrorWatch {
  public:
    /// `connection` must outlive this.
    explicit ErrorWatch(Connection& connection);
    ErrorWatch(const ErrorWatch&) = delete;
    ErrorWatch& operator=(const ErrorWatch&) = delete;
    ~ErrorWatch() { stop(); }

    /// Ends the watch, and with it what the connection does on_reset() and all its waits.
    void stop();

  private:
    struct Watch {
        Connection* connection;  // nothing after stop()
    };
    static void wait(const std::shared_ptr<Watch>& watch);

    std::shared_ptr<Watch> watch_;
};

}  // namespace inout
