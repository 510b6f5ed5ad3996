// Signals: the daemon's signals as events of the main worker.
//
// They are blocked in all threads and read from a signalfd(2), so there is no handler that could
// interrupt anything. Until start() they do what they do by default: files are read before it, and
// one that hangs (a FIFO, a dead network file system) must not keep a program from being ended.
// Main thread only.
#pragma once

#include <functional>
#include <vector>

#include "common/net/asio.hpp"

namespace inout {

class Signals {
  public:
    /// `handle` is called with each signal's number, for as long as the process lives.
    Signals(const Executor& executor, std::vector<int> numbers, std::function<void(int)> handle);

    /// Before any thread is made that could be ended by one: threads inherit what is blocked.
    void start();

  private:
    void wait();

    Descriptor descriptor_;
    const std::vector<int> numbers_;
    std::function<void(int)> handle_;
};

}  // namespace inout
