#include "in/server.hpp"

#include "common/base/log.hpp"
#include "in/probe.hpp"

namespace inout::in {

Server::Server(Workers& workers, std::shared_ptr<const ProxyLink> proxy_link,
               const Dialling& dialling, Budget& budget)
    : main_(workers.main()),
      proxy_link_(std::move(proxy_link)),
      name_(std::make_shared<const std::string>(to_string(proxy_link_->server()))),
      dialling_(dialling),
      budget_(budget),
      number_(budget.join()),
      candidate_(*name_, 1, false, {.fail_timeout = dialling.fail_timeout}) {
    workers.for_each([&](Worker& worker) {
        spares_[&worker] =
            std::make_shared<SparePool>(worker, proxy_link_, dialling, budget, number_);
    });
}

Budget::Places Server::client_places() {
    Budget::Places places;
    budget_.take(number_, kStreamDescriptors, places);
    return places;
}

Task<> Server::drop_spares() {
    for (const auto& [worker, spares] : spares_) {
        asio::post(worker->context(), [pool = spares] { pool->drop_all(); });
        // Behind it, and behind what that has posted: then they are closed.
        for (int i = 0; i < 2; ++i) co_await asio::post(worker->executor(), use_result);
    }
}

Task<> Server::end_unheard() {
    const auto executor = unheard_.end_first();
    if (!executor) co_return;
    // Behind it, behind the end of what it waits for, and behind what resumes it: it has gone then.
    for (int i = 0; i < 3; ++i) co_await asio::post(*executor, use_result);
}

void Server::lost() {
    standing_ = Standing::lost;
    frames_ = true;
    introductions_ = true;
    if (one_of_several_) rest();
}

/// One who asks it in the background is enough, however many streams have met its end.
void Server::rest() {
    const auto now = Clock::now();
    bool begins = false;
    Clock::time_point until;
    {
        const std::lock_guard lock(choosing());
        begins = candidate_.rest.failed(now);
        until = candidate_.rest.until();
    }
    if (begins) {
        log::limited(log::Level::info, log::Kind::change, "server rests", *name_,
                     {{"server", *name_},
                      {"rest_ms", std::chrono::duration_cast<Milliseconds>(until - now).count()}});
    }
    if (closed_ || probed_.exchange(true)) return;
    try {
        spawn_for_ever(main_.executor(), "probe",
                       [&main = main_, self = weak_from_this()] { return probe(main, self); });
    } catch (...) {
        probed_ = false;
        throw;
    }
}

void Server::suspect() {
    if (closed_ || is_lost() || suspected_.exchange(true)) return;
    try {
        spawn(main_.executor(), "suspicion", look_once(main_, weak_from_this()));
    } catch (...) {
        suspected_ = false;
        throw;
    }
}

bool Server::is_to_be_probed() {
    if (!closed_ && is_lost()) return true;
    probed_ = false;
    return !closed_ && is_lost() && !probed_.exchange(true);  // lost again meanwhile
}

void Server::reached() {
    if (one_of_several_) proven_until_ = Clock::now() + kServerProven;
    if (standing_ == Standing::fine || standing_.exchange(Standing::fine) == Standing::fine) return;
    if (one_of_several_) {
        const std::lock_guard lock(choosing());
        candidate_.rest.succeeded();
    }
    log::limited(log::Level::info, log::Kind::change,
                 one_of_several_ ? "server back" : "proxy reached", *name_,
                 {{"server", *name_}, {"reason", "again"}});
}

void Server::took_introduction() {
    introduces_well_ = true;
    reached();
}

bool Server::ended_introduction() {
    if (introduces_well_) return false;
    introductions_ = false;
    auto lost = Standing::lost;
    standing_.compare_exchange_strong(lost, Standing::doubtful);
    return true;
}

void Server::is_older() {
    introduces_well_ = introductions_ = false;
    reached();
}

void Server::opened_in(Clock::duration time) {
    if (!one_of_several_) return;
    const std::lock_guard lock(choosing());
    candidate_.time.took(time, Clock::now());
}

std::mutex& Server::choosing() {
    static std::mutex mutex;
    return mutex;
}

Clock::time_point Server::rests_until() const {
    const std::lock_guard lock(choosing());
    return candidate_.rest.until();
}

void Server::close() {
    closed_ = true;
    for (const auto& [worker, spares] : spares_) spares->close();
}

}  // namespace inout::in
