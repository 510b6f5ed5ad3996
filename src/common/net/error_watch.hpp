// ErrorWatch: notices an RST on a connection that nobody need be reading, such as a client's while
// its stream is being opened. Does not touch the connection's data. Same thread and frame as it.
#pragma once

#include <functional>
#include <memory>

#include "common/net/connection.hpp"

namespace inout {

class ErrorWatch {
  public:
    explicit ErrorWatch(Connection& connection);
    ErrorWatch(const ErrorWatch&) = delete;
    ErrorWatch& operator=(const ErrorWatch&) = delete;
    ~ErrorWatch() { stop(); }

    /// The connection was reset.
    bool fired() const { return watch_->fired; }
    /// Somebody else met the error, which the kernel reports only once.
    void fire() { fire(*watch_); }
    /// From now on an RST also closes `dependent`, which ends what its owner awaits on it, or calls
    /// `act`. Nothing: no longer. `dependent`, and what `act` needs, must outlive that.
    void closes(Connection* dependent);
    void calls(std::function<void()> act);
    /// Ends the watch, and with it every pending operation of the connection.
    void stop();

  private:
    struct Watch {
        Connection* connection;  // nothing after stop()
        std::function<void()> act{};
        bool fired = false;
    };
    static void wait(const std::shared_ptr<Watch>& watch);
    static void fire(Watch& watch);

    std::shared_ptr<Watch> watch_;
};

}  // namespace inout
