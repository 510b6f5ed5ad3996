// ManagerNotes: what a daemon tells its service manager of itself (sd_notify(3)): when it serves,
// reads its configuration anew or ends, how it is, in a line for `systemctl status`, and that it is
// alive.
//
// Of ProcessFacts, on the main thread. Without a service manager nothing is told or made.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "common/app/worker.hpp"

namespace inout {

class ManagerNotes {
  public:
    explicit ManagerNotes(Workers& workers);

    /// At the start, and at the end of each reload, taken or not.
    void serves() const;
    void reloads() const;
    void stops() const;
    /// For people, if it is not what was told last.
    void has_status(std::string text);
    /// Called each second. Tells that the process is alive (WATCHDOG=1), if every worker has
    /// handled something since this was asked last: one that hangs for WatchdogSec= is the end of
    /// the process.
    void check_alive();
    /// Whether anybody is told.
    bool is_heard() const { return is_heard_; }

  private:
    Workers& workers_;
    const bool is_heard_;
    const bool is_watched_;
    std::string status_;
    std::shared_ptr<std::atomic<std::size_t>> alive_;  // workers that have answered; of one round
};

}  // namespace inout
