#include "common/app/daemon.hpp"

#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>

#include "common/app/signals.hpp"
#include "common/base/crypto.hpp"
#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"
#include "common/base/random.hpp"
#include "common/base/secret.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/net/resolver.hpp"
#include "common/os/descriptors.hpp"
#include "common/os/file.hpp"
#include "common/os/process.hpp"
#include "common/os/secret_file.hpp"
#include "common/os/signals.hpp"
#include "common/tls/context.hpp"

namespace inout {
namespace detail {
namespace {

void log_status(std::string_view event) {
    const Counters& c = counters();
    log::info(event, {{"streams", c.streams.load()},
                      {"opening", c.opening.load()},
                      {"sockets", c.sockets.load()},
                      {"pipes", c.pipes.load()},
                      {"parked", c.parked.load()},
                      {"warm", c.warm.load()},
                      {"controls", c.controls.load()},
                      {"topics", c.topics.load()},
                      {"topics_held", c.topics_held.load()},
                      {"topics_waiting", c.topics_waiting.load()},
                      {"topics_unregistered", c.topics_unregistered.load()},
                      {"tasks", c.tasks.load()},
                      {"streams_total", c.streams_total.load()},
                      {"failed_total", c.failed_total.load()},
                      {"refused_total", c.refused_total.load()},
                      {"denied_total", c.denied_total.load()},
                      {"evicted_total", c.evicted_total.load()},
                      {"monitors_total", c.monitors_total.load()},
                      {"framing_errors_total", c.framing_errors_total.load()},
                      {"lines_held", c.lines_held.load()},
                      {"lines_lost", c.lines_lost.load()}});
}

/// The life of a daemon after its configuration: start, signals, drain, end.
class Life {
  public:
    Life(const CommonConfig& config, const std::function<std::unique_ptr<Service>(Workers&)>& make)
        : workers_(config.threads, {.peer_timeout = config.peer_timeout,
                                    .idle_timeout = config.idle_timeout,
                                    .stall_timeout = config.stall_timeout}),
          service_(make(workers_)),
          drain_timeout_(config.drain_timeout),
          signals_(workers_.main().executor(), {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGHUP},
                   [this](int number) { on_signal(number); }),
          timer_(workers_.main().executor()),
          held_back_timer_(workers_.main().executor()) {}

    ConfigProblems load() { return service_->load(); }

    int run() {
        log::info("started", {{"version", INOUT_VERSION}, {"descriptors", descriptors_}});
        signals_.start();
        if (const auto problem = start()) {
            if (is_end_pending()) {
                log::info("stopped", {{"reason", "a signal, before the start was over"}});
                return 0;
            }
            log::error("cannot start", {{"reason", *problem}});
            return 1;
        }
        tell_held_back_later();
        workers_.run();
        log::tell_held_back(true);
        log_status("stopped");
        return 0;
    }

  private:
    /// The failure is the reason why the program can not run. What it needs for ever, threads and
    /// addresses, it has from here on.
    std::optional<std::string> start() {
        try {
            start_resolver();
            workers_.start();
        } catch (const std::system_error& error) {
            return "no threads: " + error.code().message();
        }
        auto problem = service_->start();
        if (problem) {
            workers_.stop();
            workers_.run();
            // Streams that have begun all the same: an RST, and their line in the log.
            workers_.for_each([](Worker& w) { w.relays().reset_all("cannot start"); });
        }
        return problem;
    }

    void on_signal(int number) {
        switch (number) {
            case SIGUSR1: log_status("status"); return;
            case SIGHUP:
            case SIGUSR2:
                log::limited(
                    log::Level::warning, log::Kind::warning, "signal ignored",
                    number == SIGHUP ? "HUP" : "USR2",
                    {{"signal", number == SIGHUP ? "HUP" : "USR2"},
                     {"reason", "a configuration is read at start only: restart the program"}});
                return;
            case SIGQUIT: end("quit"); return;
            default:
                if (draining_) {
                    end("second signal");
                } else {
                    drain();
                }
        }
    }

    void tell_held_back_later() try {
        held_back_timer_.expires_after(kHeldBackInterval);
        held_back_timer_.async_wait([this](std::error_code error) {
            if (error) return;
            tell_held_back_later();
            (void)refill_memory_reserve();
            log::tell_held_back();
        });
    } catch (const std::bad_alloc&) {
        // The memory reserve would never be filled again.
        can_not_go_on("held back", "out of memory");
    }

    void drain() {
        draining_ = true;
        drain_until_ = Clock::now() + drain_timeout_;
        log::info("draining", {{"streams", counters().streams.load()},
                               {"timeout_ms", drain_timeout_.count()},
                               {"note", "a second signal ends at once"}});
        try {
            service_->drain();
        } catch (const std::bad_alloc&) {
            end("out of memory");
            return;
        }
        check_drained_later();  // requests that are here already are streams then
    }

    void check_drained_later() try {
        timer_.expires_after(kDrainPoll);
        timer_.async_wait([this](std::error_code error) {
            if (!error) check_drained();
        });
    } catch (const std::bad_alloc&) {
        end("out of memory");
    }

    void check_drained() {
        // In this order: an opening ends when its stream is counted.
        const bool idle = counters().opening == 0 && counters().streams == 0;
        if (idle || Clock::now() >= drain_until_) {
            end("drain timeout");
        } else {
            check_drained_later();
        }
    }

    /// Each worker resets what is left and stops; the last one to do so ends run().
    void end(const std::string& reason) {
        if (std::exchange(ending_, true)) return;
        try {
            end_workers(reason);
        } catch (const std::bad_alloc&) {
            can_not_go_on("end", "out of memory");
        }
    }

    void end_workers(const std::string& reason) {
        workers_.for_each([&](Worker& worker) {
            asio::post(worker.context(), [&worker, reason] { end_worker(worker, reason); });
        });
    }

    static void end_worker(Worker& worker, const std::string& reason) {
        try {
            worker.relays().reset_all(reason);
            // What the resets posted is run before the worker stops.
            asio::post(worker.context(), [&worker] { worker.context().stop(); });
        } catch (const std::bad_alloc&) {
            worker.context().stop();  // the process's end resets what is left
        }
    }

    // Before anything asks how many there are: the service does.
    const std::size_t descriptors_ = raise_descriptor_limit();
    Workers workers_;
    std::unique_ptr<Service> service_;
    const Milliseconds drain_timeout_;
    Signals signals_;
    Timer timer_, held_back_timer_;
    Clock::time_point drain_until_{};
    bool draining_ = false, ending_ = false;
};

}  // namespace

namespace {

/// An exception where none may be, or one that nobody takes: its reason stands in the log.
[[noreturn]] void on_terminate() {
    try {
        if (const auto error = std::current_exception()) std::rethrow_exception(error);
    } catch (const std::exception& error) {
        can_not_go_on("terminate", error.what());
    } catch (...) {
    }
    can_not_go_on("terminate", "unknown");
}

}  // namespace

void prepare_process() {
    ignore_meaningless_signals();
    open_standard_descriptors();
    const char* const dumpable = std::getenv("INOUT_DUMPABLE");
    if (dumpable != nullptr && std::string_view(dumpable) == "1") return;
    forbid_dumps();
}

std::optional<std::string> read_config_file(const std::string& path) {
    // One byte more than is allowed is enough for the parser to say so.
    auto text = read_up_to(path, kConfigMaxBytes + 1);
    if (text) return std::move(*text);
    std::cerr << path << ": cannot be read: " << text.error().message() << '\n';
    return std::nullopt;
}

int report(const ConfigProblems& problems) {
    for (const std::string& problem : problems) std::cerr << problem << '\n';
    return 2;
}

int write_new_key(const std::string& path) {
    if (const auto problem = crypto_problem()) {
        std::cerr << "--new-key " << path << ": " << *problem << '\n';
        return 1;
    }
    if (const auto problem = write_new_secret_file(path, random_hex(kNewKeyDigits) + "\n")) {
        std::cerr << "--new-key " << path << ": " << *problem << '\n';
        return 1;
    }
    return 0;
}

int run(const std::string& name, const CommonConfig& config, const ConfigWarnings& warnings,
        const std::function<std::unique_ptr<Service>(Workers&)>& make,
        const std::optional<CheckText>& check_only) {
    try {
        log::start(name, config.log.level, config.log.format);
    } catch (const std::system_error& error) {
        std::cerr << "cannot start: no threads: " << error.code().message() << '\n';
        return 1;
    }
    std::set_terminate(on_terminate);
    keep_memory_reserve();
    struct Flush {
        ~Flush() { log::flush(); }
    } const flush_at_end;
    set_buffer_bytes(static_cast<int>(config.stream_buffer));
    // Never destroyed: coroutines that still wait refer to the service and to each other's workers,
    // and the process's end frees all of it at once.
    if (const auto problem = tls_problem()) {
        log::error("cannot start", {{"reason", *problem}});
        return 1;
    }
    static auto* life = new Life(config, make);
    if (const auto problems = life->load(); !problems.empty()) return report(problems);
    if (check_only) {
        for (const auto& warning : warnings) std::cerr << warning << '\n';
        std::cerr << check_only->summary;
        std::cout << check_only->json << '\n';
        return 0;
    }
    for (const auto& warning : warnings) log::warning("configuration", {{"reason", warning}});
    return life->run();
}

}  // namespace detail
}  // namespace inout
