#include "common/app/worker.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>

#include "common/base/log.hpp"
#include "common/net/poller.hpp"

namespace inout {

Worker::Worker(const RelayOptions& options) : relays_(context_, options) {
    Poller::of(executor());  // now, when there are descriptors
}

namespace {

/// Needs no memory if there is none.
void say_failed(std::string_view event, std::string_view name, const char* reason) {
    try {
        log::limited(log::Level::error, log::Kind::warning, event, name,
                     {{"task", name}, {"reason", reason}});
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
}

/// Makes and awaits it until it ends by itself.
Task<> live(Executor executor, std::string name, std::function<Task<>()> make) {
    Timer pause(executor);
    while (true) {
        try {
            Task<> life = make();
            co_await std::move(life);
            co_return;
        } catch (const std::exception& e) {
            say_failed("task failed", name, e.what());
        }
        pause.expires_after(kRestartPause);
        co_await pause.async_wait(use_result);
    }
}

void end_worker(Worker& worker, const std::string& reason) {
    try {
        worker.relays().reset_all({.cause = StreamEnd::Cause::drain, .words = reason});
        // What the resets posted is run before the worker stops.
        asio::post(worker.context(), [&worker] { worker.context().stop(); });
    } catch (const std::bad_alloc&) {
        worker.context().stop();  // the process's end resets what is left
    }
}

}  // namespace

void can_not_go_on(const char* what, const char* reason) {
    try {
        log::error("can not go on", {{"task", what}, {"reason", reason}});
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
    log::flush();
    std::_Exit(1);
}

void Worker::run() {
    while (true) {
        try {
            context_.run();
            return;
        } catch (const std::exception& e) {
            say_failed("handler failed", "worker", e.what());
        }
    }
}

Workers::Workers(unsigned threads, const RelayOptions& options) {
    const unsigned count =
        threads > 0 ? threads : std::max(1U, std::thread::hardware_concurrency() / 2);
    for (unsigned i = 0; i < count; ++i) {
        workers_.push_back(std::make_unique<Worker>(options));
    }
}

Worker& Workers::next() { return *workers_[turn_++ % workers_.size()]; }

void Workers::start() {
    try {
        for (std::size_t i = 1; i < workers_.size(); ++i) {
            threads_.emplace_back([worker = workers_[i].get()] { worker->run(); });
        }
    } catch (...) {
        stop();
        join();
        throw;
    }
}

void Workers::run() {
    workers_.front()->run();
    join();
}

void Workers::join() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

void Workers::stop() {
    for (auto& worker : workers_) worker->context().stop();
}

void Workers::end(const std::string& reason) {
    for_each([&](Worker& worker) {
        asio::post(worker.context(), [&worker, reason] { end_worker(worker, reason); });
    });
}

void spawn(const Executor& executor, std::string_view name, Task<> task) {
    asio::co_spawn(executor, std::move(task),
                   [name = std::string(name),
                    counted = Counted(counters().tasks)](const std::exception_ptr& error) {
                       if (!error) return;
                       try {
                           std::rethrow_exception(error);
                       } catch (const std::exception& e) {
                           say_failed("task failed", name, e.what());
                       }
                   });
}

void spawn_for_ever(const Executor& executor, std::string_view name, std::function<Task<>()> make) {
    asio::co_spawn(executor, live(executor, std::string(name), std::move(make)),
                   [counted = Counted(counters().tasks)](const std::exception_ptr& error) {
                       if (error) can_not_go_on("for ever", "its pause failed");
                   });
}

}  // namespace inout
