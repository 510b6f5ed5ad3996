// Workers: one thread, one io_context and one set of relays each.
//
// A connection is given to a worker when it is accepted or dialled and stays there; only a parked
// data connection moves once, when it is paired (docs/architecture.md, "Threads"). Worker 0 runs on
// the main thread and also accepts, so with one worker there is one thread.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "common/relay/relay.hpp"

namespace inout {

class Worker {
  public:
    explicit Worker(const RelayOptions& options);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    asio::io_context& context() { return context_; }
    Executor executor() { return context_.get_executor(); }
    /// On this worker's thread only.
    RelaySet& relays() { return relays_; }

    /// Those that are being opened here and those that run. From any thread.
    const StreamTable& streams() { return relays_.streams(); }

    /// Runs its handlers until it is stopped. One that throws (memory has run out) is the end of
    /// what it was for, never of the worker.
    void run();

  private:
    asio::io_context context_{1};  // one thread runs it; others only post
    asio::executor_work_guard<Executor> work_{context_.get_executor()};
    RelaySet relays_;
};

class Workers {
  public:
    /// `threads` 0: one for every two processors. More than half of a relay's work is the kernel's,
    /// and a stream that changes workers while it is opened costs more than it gains: on two
    /// processors one thread opened 20 % more streams per second than two.
    Workers(unsigned threads, const RelayOptions& options);

    Worker& main() { return *workers_.front(); }
    /// In turn. Main thread only.
    Worker& next();
    std::size_t size() const { return workers_.size(); }
    template <class F>
    void for_each(F f) {
        for (auto& worker : workers_) f(*worker);
    }

    /// Makes the threads of the other workers, which run from now on. Throws std::system_error if
    /// there can not be so many.
    void start();
    /// Runs worker 0 here until all have stopped.
    void run();
    void stop();
    /// Each worker resets what is left and stops; the last one to do so ends run().
    void end(const std::string& reason);

  private:
    void join();

    std::vector<std::unique_ptr<Worker>> workers_;
    std::vector<std::thread> threads_;
    std::size_t turn_ = 0;
};

/// Starts a coroutine that nobody awaits. It is counted; an exception that escapes it is logged
/// and ends that coroutine alone.
void spawn(const Executor& executor, std::string_view name, Task<> task);

/// The same for what must live for ever, such as a listener: an exception (memory has run out) is
/// logged, then `make` makes it anew after a pause. It is over when it ends by itself. If not even
/// that can be done the process ends with exit code 1, so that whoever watches it starts it again.
void spawn_for_ever(const Executor& executor, std::string_view name, std::function<Task<>()> make);

/// The end of a process that can not do its work any more: says why, exit code 1.
[[noreturn]] void can_not_go_on(const char* what, const char* reason);

}  // namespace inout
