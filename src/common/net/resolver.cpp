#include "common/net/resolver.hpp"

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <thread>

#include "common/base/log.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/net/name_server.hpp"

namespace inout {
namespace {

using Answered = std::function<void(const Lookup&)>;

/// Who waits for a look-up. Handed in and, if it is not answered, taken back.
class Names {
  public:
    /// Never destroyed: its thread runs until the process ends.
    static Names& instance() {
        static auto* names = new Names;
        return *names;
    }

    /// What is known. If it is not settled, a look-up runs and `answered` will be called, on any
    /// thread, unless forget(host, waiter) comes first.
    NameTable::Known ask(const std::string& host, const void* waiter, Answered answered) {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        NameTable::Known known = table_.find(host, now);
        if (known.settled) return known;
        if (!known.addresses.empty() && !known.worth_a_wait) {
            known.settled = true;  // for the asker; the look-up is for the next one
        } else {
            waiters_[host][waiter] = std::move(answered);
        }
        // A look-up that was lost to an exception must not be waited for till the end of days.
        const auto asked = asked_.find(host);
        if (asked == asked_.end() || now - asked->second > kLookupLost) {
            asked_[host] = now;
            asio::post(context_, [this, host] {
                queue_.push_back(host);
                look_up_next();
            });
        }
        return known;
    }

    /// `answered` will be called, on any thread, but for want of memory.
    void ask_service(const std::string& name, std::function<void(const ServiceLookup&)> answered) {
        asio::post(context_, [this, name, answered = std::move(answered)] {
            server_.look_up_service(name, answered);
        });
    }

    /// After this `answered` is not called any more.
    void forget(const std::string& host, const void* waiter) {
        const std::lock_guard lock(mutex_);
        if (const auto found = waiters_.find(host); found != waiters_.end()) {
            found->second.erase(waiter);
        }
    }

  private:
    Names() {
        // A program may look up a name before its signals are taken care of.
        const SignalsBlocked blocked;
        std::thread([this] { run(); }).detach();  // NOLINT: it lives as long as the process
    }

    void run() {
        const auto work = asio::make_work_guard(context_);
        while (true) {
            try {
                context_.run();
            } catch (const std::exception& error) {
                log::error("look-up failed", {{"reason", error.what()}});
            }
        }
    }

    /// Young look-ups are bounded, so that thousands of names do not flood a name server at once.
    /// One that has found no answer for a moment counts no more: it keeps nobody else waiting.
    void look_up_next() {
        const auto now = Clock::now();
        while (!young_.empty() && now - young_.front() >= kLookupYoung) young_.pop_front();
        while (!queue_.empty() && young_.size() < kLookupsAtOnce) {
            const std::string host = std::move(queue_.front());
            queue_.pop_front();
            young_.push_back(now);
            server_.look_up(host,
                            [this, host, now](const Lookup& lookup) { finish(host, now, lookup); });
        }
        if (queue_.empty()) return;
        turn_.expires_at(young_.front() + kLookupYoung);
        turn_.async_wait([this](std::error_code error) {
            if (!error) look_up_next();
        });
    }

    void finish(const std::string& host, Clock::time_point begun, Lookup lookup) {
        const auto now = Clock::now();
        lookup.slow = now - begun > kLookupPatience;
        // Any of the same moment may leave: they are alike.
        if (now - begun < kLookupYoung && !young_.empty()) young_.pop_back();
        if (!queue_.empty()) asio::post(context_, [this] { look_up_next(); });
        const std::lock_guard lock(mutex_);
        table_.answered(host, lookup, now);
        asked_.erase(host);
        const auto waiting = waiters_.extract(host);
        if (!waiting) return;
        for (const auto& [waiter, answered] : waiting.mapped()) {
            try {
                answered(lookup);
            } catch (const std::bad_alloc&) {
                // This one waits until its deadline; the others need not.
            }
        }
    }

    asio::io_context context_{1};
    // On its thread only.
    NameServer& server_ = *new NameServer(context_);
    Timer turn_{context_};
    std::deque<std::string> queue_;
    std::deque<Clock::time_point> young_;  // when each young look-up began; the oldest in front

    std::mutex mutex_;
    NameTable table_;
    std::map<std::string, Clock::time_point> asked_;  // look-ups that wait or run
    std::map<std::string, std::map<const void*, Answered>> waiters_;
};

Resolved with_port(const std::vector<asio::ip::address>& addresses, std::uint16_t port,
                   std::string error) {
    Resolved resolved;
    for (const auto& address : addresses) resolved.endpoints.emplace_back(address, port);
    if (addresses.empty()) resolved.error = std::move(error);
    return resolved;
}

std::optional<Resolved> literal(const HostPort& target) {
    std::error_code not_literal;
    const auto address = asio::ip::make_address(target.host, not_literal);
    if (not_literal) return std::nullopt;
    return with_port({address}, target.port, {});
}

/// What a look-up brought, or, if nothing, what was known before.
Resolved choose(const std::optional<Lookup>& answer, const NameTable::Known& known,
                std::uint16_t port) {
    if (!answer) return with_port(known.addresses, port, "no answer to the look-up in time");
    if (!answer->addresses.empty()) return with_port(answer->addresses, port, {});
    return with_port(known.addresses, port, answer->error);
}

/// A coroutine that waits for a look-up; the timer is its condition variable and its deadline.
struct Asker {
    explicit Asker(const Executor& executor) : timer(executor) {}
    Timer timer;
    std::optional<Lookup> answer;
};

/// The same for one of a service; its thread may be blocked.
struct ServiceAsker {
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<ServiceLookup> answer;
};

Result<ServiceRecords, std::string> result_of(const std::optional<ServiceLookup>& answer) {
    if (!answer) return Failure{std::string("no answer to the look-up in time")};
    if (!answer->records) return Failure{answer->error};
    return *answer->records;
}

}  // namespace

void start_resolver() { Names::instance(); }

Task<Resolved> resolve(Executor executor, const HostPort& target, Clock::time_point deadline) {
    if (auto resolved = literal(target)) co_return std::move(*resolved);
    Names& names = Names::instance();
    auto waiter = std::make_shared<Asker>(executor);
    const auto wake = [executor, waiter](const Lookup& lookup) {
        asio::post(executor, [waiter, lookup] {
            waiter->answer = lookup;
            waiter->timer.cancel();
        });
    };
    const NameTable::Known known = names.ask(target.host, waiter.get(), wake);
    if (known.settled) co_return with_port(known.addresses, target.port, known.error);
    // A name server that is silent must not cost a connection that old addresses can make.
    waiter->timer.expires_at(
        known.addresses.empty() ? deadline : std::min(deadline, Clock::now() + kLookupPatience));
    co_await waiter->timer.async_wait(use_result);
    names.forget(target.host, waiter.get());
    co_return choose(waiter->answer, known, target.port);
}

Resolved resolve_now(const HostPort& target, Milliseconds timeout) {
    if (auto resolved = literal(target)) return std::move(*resolved);
    Names& names = Names::instance();
    std::mutex mutex;
    std::condition_variable arrived;
    std::optional<Lookup> answer;
    const NameTable::Known known = names.ask(target.host, &answer, [&](const Lookup& lookup) {
        const std::lock_guard lock(mutex);
        answer = lookup;
        arrived.notify_one();
    });
    if (known.settled) return with_port(known.addresses, target.port, known.error);
    {
        std::unique_lock lock(mutex);
        for (const auto until = Clock::now() + timeout;
             !answer && Clock::now() < until && !is_end_pending();) {
            arrived.wait_for(lock, kSignalPoll);
        }
    }
    names.forget(target.host, &answer);
    return choose(answer, known, target.port);
}

Task<Result<ServiceRecords, std::string>> resolve_service(Executor executor,
                                                          const std::string& name,
                                                          Clock::time_point deadline) {
    struct Waiting {
        explicit Waiting(const Executor& executor) : timer(executor) {}
        Timer timer;  // condition variable and deadline
        std::optional<ServiceLookup> answer;
    };
    auto waiting = std::make_shared<Waiting>(executor);
    waiting->timer.expires_at(deadline);
    Names::instance().ask_service(name, [executor, waiting](const ServiceLookup& lookup) {
        asio::post(executor, [waiting, lookup] {
            waiting->answer = lookup;
            waiting->timer.cancel();
        });
    });
    co_await waiting->timer.async_wait(use_result);
    co_return result_of(waiting->answer);
}

Result<ServiceRecords, std::string> resolve_service_now(const std::string& name,
                                                        Milliseconds timeout) {
    auto asker = std::make_shared<ServiceAsker>();
    Names::instance().ask_service(name, [asker](const ServiceLookup& lookup) {
        const std::lock_guard lock(asker->mutex);
        asker->answer = lookup;
        asker->arrived.notify_one();
    });
    std::unique_lock lock(asker->mutex);
    for (const auto until = Clock::now() + timeout;
         !asker->answer && Clock::now() < until && !is_end_pending();) {
        asker->arrived.wait_for(lock, kSignalPoll);
    }
    return result_of(asker->answer);
}

}  // namespace inout
