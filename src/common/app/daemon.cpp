#include "common/app/daemon.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "common/admin/server.hpp"
#include "common/app/certificate_watch.hpp"
#include "common/app/process_actions.hpp"
#include "common/app/process_facts.hpp"
#include "common/app/reload.hpp"
#include "common/app/signals.hpp"
#include "common/app/upgrade.hpp"
#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/config/difference.hpp"
#include "common/net/resolver.hpp"
#include "common/os/descriptors.hpp"
#include "common/os/service_manager.hpp"

namespace inout {
namespace detail {
namespace {

constexpr const char* kEnding = "it is ending";
/// What running streams get when another process has taken over: a year, that is for ever.
constexpr Milliseconds kDrainReplaced = std::chrono::years{1};

/// The life of a daemon after its configuration: start, signals, reload, drain, end.
class Life {
  public:
    Life(Instance& instance, const ProgramCall& call)
        : instance_(instance),
          workers_(instance.config().threads, relay_options(instance.config())),
          service_(make_service(instance, workers_)),
          facts_(instance.name(), workers_, service_),
          actions_(workers_, service_,
                   {.drain =
                        [this] {
                            if (!draining_) drain();
                        },
                    .reload = [this] { reload("admin"); }}),
          admin_(facts_, actions_),
          drain_timeout_(instance.config().drain_timeout),
          signals_(workers_.main().executor(), {SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGHUP},
                   [this](int number) { on_signal(number); }),
          timer_(workers_.main().executor()),
          held_back_timer_(workers_.main().executor()),
          upgrade_(
              workers_, call, [this] { return service_.hand_over(); },
              [this](const Result<int, std::string>& pid) {
                  if (!pid) service_.take_back();
                  upgraded(pid);
              }),
          predecessor_(
              workers_.main().executor(),
              [this] { return facts_.is_ready() && service_.may_take_over(); },
              [this](const std::vector<std::string>& words) { service_.take_over(words); }),
          reloader_(
              workers_.main().executor(), [this] { return instance_.prepare_again(); },
              [this](std::string_view cause, Result<Prepared, ConfigProblems> prepared) {
                  return take(cause, std::move(prepared));
              }) {}

    /// `first`: what the instance has prepared.
    int run(Prepared first) {
        log::info("started", {{"version", INOUT_VERSION}, {"descriptors", descriptors_}});
        signals_.start();
        if (const auto problem = start(first)) {
            (void)reloader_.stop();
            if (is_end_pending()) {
                log::info("stopped", {{"reason", "a signal, before the start was over"}});
                return 0;
            }
            log::error("cannot start", {{"reason", *problem}});
            return 1;
        }
        facts_.serves();
        predecessor_.release_soon();
        tell_held_back_later();
        workers_.run();
        upgrade_.stop();
        admin_.stop();
        service_.stop();
        log::tell_held_back(true);
        facts_.log("stopped");
        if (!reloader_.stop()) {
            // It would still run while the process is taken down.
            log::flush();
            std::_Exit(0);
        }
        return 0;
    }

  private:
    static Service& make_service(Instance& instance, Workers& workers) {
        instance.make(workers);
        return instance.service();
    }

    /// The failure is the reason why the program can not run. What it needs for ever, threads and
    /// addresses, it has from here on.
    std::optional<std::string> start(Prepared& first) {
        try {
            start_resolver();
            workers_.start();
            reloader_.watch(first.files);
        } catch (const std::system_error& error) {
            return "no threads: " + error.code().message();
        }
        if (first.look_up) first.look_up();
        predecessor_.receive();
        auto problem = commit(first);
        if (problem) {
            workers_.stop();
            workers_.run();
            // Streams that have begun all the same: an RST, and their line in the log.
            workers_.for_each([](Worker& w) {
                w.relays().reset_all({.cause = StreamEnd::Cause::drain, .words = "cannot start"});
            });
            return problem;
        }
        watch_certificates(first);
        spawn_for_ever(workers_.main().executor(), "certificates",
                       [this] { return certificates_.run(workers_.main().executor()); });
        json_ = std::move(first.json);
        files_ = std::move(first.files);
        return std::nullopt;
    }

    void watch_certificates(const Prepared& prepared) {
        certificates_.set(prepared.validities);
        facts_.has_certificates(prepared.validities);
        certificates_.warn();
    }

    void on_signal(int number) {
        switch (number) {
            case SIGUSR1: facts_.log("status"); return;
            case SIGHUP: reload("signal"); return;
            case SIGUSR2: upgrade(); return;
            case SIGQUIT: end("quit"); return;
            default:
                if (draining_ && !replaced_) {
                    end("second signal");
                } else {
                    replaced_ = false;
                    drain();
                }
        }
    }

    void upgrade() {
        std::optional<std::string> problem;
        std::vector<NamedDescriptor> sockets;
        if (draining_) {
            problem = kEnding;
        } else if (upgrade_.is_running()) {
            problem = "there is one already";
        } else if (const auto error = admin_.copy_sockets(sockets)) {
            problem = error.message();
        } else {
            problem = service_.copy_sockets(sockets);
        }
        try {
            if (!problem) upgrade_.begin(std::move(sockets));
        } catch (const std::system_error& error) {
            problem = error.code().message();
        }
        if (problem) upgraded(Failure{std::move(*problem)});
    }

    /// Another process serves now. This one has all the time that its streams need.
    void upgraded(const Result<int, std::string>& pid) {
        if (!pid) {
            log::limited(log::Level::error, log::Kind::warning, "not upgraded", "upgrade",
                         {{"reason", pid.error()}});
            return;
        }
        log::info("upgraded", {{"pid", *pid}});
        tell_service_manager("MAINPID=" + std::to_string(*pid));
        if (draining_) return;
        replaced_ = true;
        admin_.leave();
        drain();
    }

    void reload(std::string_view cause) {
        std::string reason = kEnding;
        if (!draining_) {
            try {
                reloader_.request(cause);
                facts_.reloads();
                return;
            } catch (const std::system_error& error) {
                reason = "no threads: " + error.code().message();
            }
        }
        not_reloaded(cause, {reason});
    }

    void not_reloaded(std::string_view cause, const ConfigProblems& problems) {
        counters().reloads_failed_total.add();
        facts_.reloaded("failed: " + problems.front(), true);
        for (std::size_t i = 0; i < std::min(problems.size(), kReloadProblems); ++i) {
            log::error("not reloaded", {{"cause", cause}, {"reason", problems[i]}});
        }
        if (problems.size() > kReloadProblems) {
            log::error("not reloaded",
                       {{"cause", cause}, {"more_problems", problems.size() - kReloadProblems}});
        }
    }

    /// A configuration was read again.
    std::optional<FileStamps> take(std::string_view cause,
                                   Result<Prepared, ConfigProblems> prepared) {
        if (draining_) {
            not_reloaded(cause, {kEnding});
            return std::nullopt;
        }
        if (!prepared) {
            not_reloaded(cause, prepared.error());
            return std::nullopt;
        }
        if (const auto problem = commit(*prepared)) {
            not_reloaded(cause, {*problem});
            return std::nullopt;
        }
        const CommonConfig& config = *prepared->config;
        log::set_level(config.log.level);
        workers_.for_each([&config](Worker& w) { w.relays().set_options(relay_options(config)); });
        drain_timeout_ = config.drain_timeout;
        for (const auto& warning : prepared->warnings) {
            log::warning("configuration", {{"reason", warning}});
        }
        watch_certificates(*prepared);
        counters().reloads_total.add();
        facts_.reloaded("done", false);
        log_reloaded(cause, *prepared);
        json_ = std::move(prepared->json);
        files_ = prepared->files;
        return std::move(prepared->files);
    }

    /// The failure: nothing was changed.
    std::optional<std::string> commit(const Prepared& prepared) try {
        auto opened = admin_.open(prepared.admin);
        if (!opened) return opened.error();
        if (auto problem = prepared.commit()) return problem;
        admin_.take(std::move(*opened));
        recent_ends().keep(prepared.admin ? kRecentEndsMax : 0);
        return std::nullopt;
    } catch (const std::bad_alloc&) {
        return "out of memory";
    }

    void log_reloaded(std::string_view cause, const Prepared& next) const {
        const auto keys = changed_keys(json_, next.json);
        log::info("reloaded", {{"cause", cause},
                               {"changed", joined(keys)},
                               {"files", joined(changed_files(files_, next.files))}});
        if (const auto left = keys_for_restart(keys); !left.empty()) {
            log::warning("needs a restart",
                         {{"keys", joined(left)}, {"reason", "they are as before until then"}});
        }
    }

    void tell_held_back_later() try {
        held_back_timer_.expires_after(kHeldBackInterval);
        held_back_timer_.async_wait([this](std::error_code error) {
            if (error) return;
            tell_held_back_later();
            (void)refill_memory_reserve();
            log::tell_held_back();
            facts_.tell_manager();
        });
    } catch (const std::bad_alloc&) {
        // The memory reserve would never be filled again.
        can_not_go_on("held back", "out of memory");
    }

    void drain() {
        draining_ = true;
        drain_until_ = Clock::now() + (replaced_ ? kDrainReplaced : drain_timeout_);
        facts_.drains_until(drain_until_, replaced_);
        actions_.drains();
        log::info("draining",
                  {{"streams", counters().streams.load()},
                   {"timeout_ms", (replaced_ ? kDrainReplaced : drain_timeout_).count()},
                   {"note", "a second signal ends at once"}});
        try {
            service_.drain();
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
        const bool idle =
            counters().opening == 0 && counters().streams == 0 && service_.has_drained();
        if (idle || Clock::now() >= drain_until_) {
            end("drain timeout");
        } else {
            check_drained_later();
        }
    }

    void end(const std::string& reason) {
        if (std::exchange(ending_, true)) return;
        try {
            workers_.end(reason);
        } catch (const std::bad_alloc&) {
            can_not_go_on("end", "out of memory");
        }
    }

    // Before anything asks how many there are: the service does.
    const std::size_t descriptors_ = raise_descriptor_limit();
    Instance& instance_;
    Workers workers_;
    Service& service_;
    ProcessFacts facts_;
    ProcessActions actions_;
    admin::Server admin_;
    Milliseconds drain_timeout_;
    Signals signals_;
    Timer timer_, held_back_timer_;
    Clock::time_point drain_until_{};
    bool draining_ = false, ending_ = false;
    bool replaced_ = false;  // by another process: it drains for as long as its streams run
    CertificateWatch certificates_;
    // What runs now, as it was read.
    std::string json_;
    FileStamps files_;
    Upgrade upgrade_;
    Predecessor predecessor_;
    Reloader reloader_;
};

}  // namespace

RelayOptions relay_options(const CommonConfig& config) {
    return {.peer_timeout = config.peer_timeout,
            .idle_timeout = config.idle_timeout,
            .stall_timeout = config.stall_timeout};
}

int run(Instance& instance, const ProgramCall& call, bool check_only) {
    if (!begin(instance.name(), instance.config())) return 1;
    const FlushAtEnd flush_at_end;
    static auto* const life = new Life(instance, call);
    auto first = instance.prepare_first();
    if (!first) return report(first.error());
    if (check_only) {
        CertificateWatch certificates;
        certificates.set(first->validities);
        certificates.warn();
        for (const auto& warning : first->warnings) std::cerr << warning << '\n';
        std::cerr << instance.summary();
        std::cout << first->json << '\n';
        return 0;
    }
    for (const auto& warning : first->warnings)
        log::warning("configuration", {{"reason", warning}});
    return life->run(std::move(*first));
}

}  // namespace detail
}  // namespace inout
