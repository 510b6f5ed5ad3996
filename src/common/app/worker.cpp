#include "common/app/worker.hpp"

#include <algorithm>
#include <exception>

#include "common/base/log.hpp"

namespace inout {

Worker::Worker(Milliseconds peer_timeout) : relays_(context_, peer_timeout) {}

void Worker::run() {
    while (true) {
        try {
            context_.run();
            return;
        } catch (const std::exception& e) {
            log::limited(log::Level::error, log::Kind::warning, "handler failed", e.what(),
                         {{"reason", e.what()}});
        }
    }
}

Workers::Workers(unsigned threads, Milliseconds peer_timeout) {
    const unsigned count =
        threads > 0 ? threads : std::max(1U, std::thread::hardware_concurrency() / 2);
    for (unsigned i = 0; i < count; ++i) {
        workers_.push_back(std::make_unique<Worker>(peer_timeout));
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

void spawn(const Executor& executor, std::string_view name, Task<> task) {
    asio::co_spawn(executor, std::move(task),
                   [name = std::string(name),
                    counted = Counted(counters().tasks)](const std::exception_ptr& error) {
                       if (!error) return;
                       try {
                           std::rethrow_exception(error);
                       } catch (const std::exception& e) {
                           log::limited(log::Level::error, log::Kind::warning, "task failed", name,
                                        {{"task", name}, {"reason", e.what()}});
                       }
                   });
}

}  // namespace inout
