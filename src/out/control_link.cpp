#include "out/control_link.hpp"

#include <new>

namespace inout::out {
/// A session that is asked for, however that ends.
class ControlLink::Asking {
  public:
    Asking(ControlLink& link, Session session) : link_(link) { link_.asking_ = std::move(session); }
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;
    ~Asking() {
        link_.asking_.reset();
        const auto end = std::exchange(link_.unclear_, std::nullopt);
        if (link_.current_ || !link_.state_) return;
        link_.set_unregistered();
        if (!end) return;
        try {
            link_.lost(end->how);
        } catch (const std::bad_alloc&) {
            log::lose_line();
        }
    }

  private:
    ControlLink& link_;
};

/// A session that is served, however that ends.
class ControlLink::Followed {
  public:
    Followed(ControlLink& link, const Session& session) : link_(link), session_(session) {}
    Followed(const Followed&) = delete;
    Followed& operator=(const Followed&) = delete;
    ~Followed() { link_.forget(session_); }

  private:
    ControlLink& link_;
    const Session& session_;
};

ControlLink::ControlLink(Worker& worker, Workers& workers, std::shared_ptr<const Network> network,
                         std::shared_ptr<OutName> name)
    : worker_(worker),
      workers_(workers),
      network_(std::move(network)),
      name_(std::move(name)),
      server_(to_string(network_->config.server)),
      about_(network_->config.topic + " at " + server_),
      retry_(network_->times.retry_interval),
      changed_(worker.executor()) {
    leaving_.reserve(kLeavingMax + 1);
}

void ControlLink::say(log::Level level, log::Kind kind, std::string_view event,
                      std::string_view reason) const {
    log::limited(level, kind, event, about_,
                 {{"topic", network_->config.topic}, {"server", server_}, {"reason", reason}});
}

/// Nothing is to be registered.
bool ControlLink::is_settled() const {
    return current_ && !current_->proxy_drains && !current_->is_unwanted &&
           current_->network().registers_like(*network_);
}

/// A registration for this network is not what is wanted now.
bool ControlLink::is_stale(const Network& network) const {
    return over_ || !network_->registers_like(network);
}

Task<> ControlLink::run() {
    const auto self = shared_from_this();
    while (!over_) {
        if (is_settled()) {
            changed_.expires_at(Clock::time_point::max());
        } else if (Clock::now() < next_try_) {
            changed_.expires_at(next_try_);
        } else if (gives_way()) {
            try_again_in(RetryPolicy::kMaxWait);
        } else {
            const bool at_once = co_await register_once();
            try_again_in(at_once ? Milliseconds{0} : retry_.wait(random_unit()));
            continue;
        }
        co_await changed_.async_wait(use_result);
    }
}

/// Another of the network's servers has turned out to be the same proxy, which keeps one
/// registration for both: they would take it from each other for ever. Perhaps it is another one
/// later.
bool ControlLink::gives_way() {
    const std::string proxy = std::exchange(proxy_id_, {});
    if (current_ || !name_->has_another_at(this, proxy)) return false;
    say(log::Level::warning, log::Kind::change, "same proxy twice",
        "another of the network's servers leads to the same proxy, which keeps one registration "
        "for both: name it once");
    return true;
}

/// True: meanwhile another configuration has come.
Task<bool> ControlLink::register_once() {
    const auto network = network_;
    auto dialled = co_await network->proxy_link->dial(
        worker_.executor(), network->times.connect_timeout, DialFor::control, kControlTurn);
    if (is_stale(*network) || is_settled()) co_return true;
    const char* const meanwhile = current_ ? "; until then the earlier registration stays" : "";
    if (!dialled) {
        say(log::Level::warning, log::Kind::retry, "not registered",
            dialled.error().detail + meanwhile);
        co_return false;
    }
    const auto session = std::make_shared<ControlSession>(workers_, network, std::move(*dialled));
    const Asking asking(*this, session);
    OutRequest wanted = request();
    auto response = co_await session->ask(std::move(wanted));
    const bool is_old = is_stale(*network);
    if (removed_) {
        session->close();
    } else if (response) {
        accept(session, *response);
        if (over_) session->drain();  // the signal came while the proxy was asked
    } else if (!is_old) {
        say(log::Level::warning, log::Kind::retry, "not registered",
            response.error() + (current_ ? meanwhile : ""));
    }
    co_return is_old;
}

OutRequest ControlLink::request() const {
    return OutRequest{.magic = random_hex(kMagicDigits),
                      .version = std::string(kVersion),
                      .topic = network_->config.topic,
                      .ext = true,
                      .instance = name_->instance(),
                      .standby = standby_,
                      .heartbeat_timeout = network_->times.heartbeat_timeout,
                      .share = network_->config.share,
                      .weight = network_->config.weight,
                      .pattern = network_->config.pattern,
                      .source = network_->tells_clients(),
                      .probe = true};
}

/// Our proxy has closed the one before: both are of the same instance.
void ControlLink::accept(const Session& session, const Response& response) {
    if (current_) {
        tell(*current_, &ControlSession::make_way);
        let_go(std::move(current_));
    } else if (unclear_) {
        say_unregistered(*unclear_->session, ControlSession::kReplaced);
        unclear_.reset();
    }
    current_ = session;
    session->set_network(network_);
    set_position(static_cast<int>(response.position));
    retry_.registered(Clock::now());
    try {
        proxy_id_ = response.proxy;
        name_->is_at(this, proxy_id_);
        say_registered(response);
        session->set_ready(!network_->backends->are_all_down());
        spawn(worker_.executor(), "control session", follow(shared_from_this(), session));
    } catch (...) {
        forget(session);
        throw;
    }
}

void ControlLink::say_registered(const Response& response) const {
    const OutNetwork& config = network_->config;
    log::limited(log::Level::info, log::Kind::change, "registered", about_,
                 {{"topic", config.topic},
                  {"server", server_},
                  {"backend", network_->backends->text()},
                  {"position", response.position},
                  {"identity", response.identity.empty() ? "not told" : response.identity}});
    if (current_->network().proxy_link->has_key() && response.identity == "anonymous") {
        say(log::Level::warning, log::Kind::change, "not recognised", kNotRecognised);
    }
    if (config.share && !response.share) {
        say(log::Level::warning, log::Kind::change, "not shared",
            "this proxy is older than \"share\": the newest out has the topic for itself");
    }
    if (network_->tells_clients() && !response.source) {
        say(log::Level::warning, log::Kind::change, "clients not told",
            "this proxy is older than \"proxy_protocol\": backends get headers without a client's "
            "address");
    }
}

Task<> ControlLink::follow(std::shared_ptr<ControlLink> self, Session session) {
    const Followed followed(*self, session);
    while (true) {
        auto next = co_await session->next();
        if (!next) {
            self->ended(session, next.error());
            co_return;
        }
        // One that was let go may keep its topic waiting as it likes.
        if (session == self->current_) self->on_notice(*next);
    }
}

void ControlLink::on_notice(const Notice& notice) {
    switch (notice.code) {
        case NoticeCode::displaced:
            standby_ = true;
            set_position(1);
            say(log::Level::warning, log::Kind::change, "displaced", notice.message);
            return;
        case NoticeCode::promoted:
            set_position(0);
            say(log::Level::info, log::Kind::change, "promoted", notice.message);
            return;
        case NoticeCode::draining:
            if (std::exchange(current_->proxy_drains, true)) return;
            current_->moves = notice.at_once;
            try_again_in(notice.at_once ? pause_when_moved() : pause_when_drained());
            wake();
            say(log::Level::info, log::Kind::change, "proxy draining", notice.message);
            return;
        case NoticeCode::unready:
        case NoticeCode::ready:  // ours to say
        case NoticeCode::other: return;
    }
}

/// Where it was another one may answer soon, but not all of its outs at once. Who drains again and
/// again is asked more and more slowly.
Milliseconds ControlLink::pause_when_drained() {
    const bool young = Clock::now() - current_->since < RetryPolicy::kContentionWindow;
    (void)retry_.lost(Clock::now(), young);
    const Milliseconds pause = retry_.wait(random_unit());
    return young ? pause : std::chrono::duration_cast<Milliseconds>(pause * random_unit());
}

/// Clients wait there, and the process is the next one of this one: it is not asked for too often.
Milliseconds ControlLink::pause_when_moved() {
    return std::chrono::duration_cast<Milliseconds>(kMoveSpread * random_unit());
}

void ControlLink::ended(const Session& session, const ControlSession::End& end) {
    if (session != current_) {
        say_unregistered(*session, session->left_because());
        return;
    }
    if (asking_) unclear_ = {end, session};
    forget(session);
    if (asking_) return;
    if (session->moves) {
        say_unregistered(*session, "the proxy's next process is there");
    } else {
        lost(end);
    }
}

void ControlLink::say_unregistered(const ControlSession& session, const char* reason) const {
    log::limited(log::Level::info, log::Kind::change, "unregistered", about_,
                 {{"topic", network_->config.topic},
                  {"server", server_},
                  {"reason", reason},
                  {"streams", session.streams()}});
}

void ControlLink::lost(const ControlSession::End& end) {
    const bool contended = retry_.lost(Clock::now(), end.by_another_out);
    try_again_in(retry_.wait(random_unit()));
    say(log::Level::warning, log::Kind::change, "disconnected", end.reason);
    if (!contended) return;
    say(log::Level::warning, log::Kind::change, "contention",
        "the proxy ends the registration again and again; another out may serve this topic");
}

/// It is no more.
void ControlLink::forget(const Session& session) noexcept {
    session->close();
    std::erase(leaving_, session);
    if (session != current_) return;
    current_.reset();
    if (!asking_) set_unregistered();
    if (!session->moves) try_again_in(retry_.wait(random_unit()));
    wake();
}

void ControlLink::tell(ControlSession& session, void (ControlSession::*to)()) noexcept {
    try {
        (session.*to)();
    } catch (const std::bad_alloc&) {
        session.close();
    }
}

void ControlLink::let_go(Session session) noexcept {
    leaving_.push_back(std::move(session));  // there is room
    if (leaving_.size() <= kLeavingMax) return;
    const Session oldest = std::move(leaving_.front());
    leaving_.erase(leaving_.begin());
    oldest->close();
}

void ControlLink::set_network(std::shared_ptr<const Network> network) noexcept {
    const auto before = std::exchange(network_, std::move(network));
    if (network_->times.retry_interval != before->times.retry_interval) {
        retry_ = RetryPolicy(network_->times.retry_interval);
    }
    const bool registers_anew = !network_->registers_like(*before);
    const bool serves_anew = !network_->serves_like(*before);
    if (current_) current_->set_network(network_);
    look_at_backends();
    if (serves_anew) say_changed("serves anew", current_.get());
    if (!registers_anew) return;
    if (!is_settled()) say_changed("registers anew", current_.get());
    next_try_ = {};
    // With a current one the proxy may have put this one in its place already.
    if (asking_ && !current_ && !unclear_) asking_->close();
    wake();
}

void ControlLink::look_at_backends() noexcept try {
    if (current_ && !over_) current_->set_ready(!network_->backends->are_all_down());
} catch (const std::bad_alloc&) {
    current_->close();
}

void ControlLink::register_anew() noexcept {
    if (over_) return;
    say_changed("registers anew", current_.get());
    if (current_) current_->is_unwanted = true;
    next_try_ = {};
    wake();
}

void ControlLink::remove() noexcept {
    over_ = removed_ = true;
    name_->is_at(this, {});
    say_changed("registers no more", current_.get());
    if (asking_) asking_->close();
    if (current_) let_go(std::move(current_));
    for (const Session& session : leaving_) tell(*session, &ControlSession::leave);
    state_.reset();
    wake();
}

void ControlLink::say_changed(std::string_view event,
                              const ControlSession* session) const noexcept {
    try {
        log::limited(log::Level::info, log::Kind::change, event, about_,
                     {{"topic", network_->config.topic},
                      {"server", server_},
                      {"backend", network_->backends->text()},
                      {"streams", session != nullptr ? session->streams() : 0}});
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
}

/// 0: it holds its topic.
void ControlLink::set_position(int position) {
    *position_ = position;
    state_ = Counted(position == 0 ? counters().topics_held : counters().topics_waiting);
}

void ControlLink::drain() {
    over_ = true;
    wake();
    if (current_) current_->drain();
    for (const Session& session : leaving_) session->drain();
}

}  // namespace inout::out
