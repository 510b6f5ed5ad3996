// Signals: the daemon's signals as events of the main worker.
//
// They are blocked in all threads and read from a signalfd(2), so there is no handler that could
// interrupt anything. To be made before any other thread, which inherits what is blocked. Main
// thread only.
#pragma once

#include <functional>

#include "common/net/asio.hpp"

namespace inout {

class Signals {
  public:
    /// `handle` is called with each signal's number, for as long as the process lives.
    Signals(const Executor& executor, std::initializer_list<int> numbers,
            std::function<void(int)> handle);

    void start() { wait(); }

  private:
    void wait();

    Descriptor descriptor_;
    std::function<void(int)> handle_;
};

}  // namespace inout
