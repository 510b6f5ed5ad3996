#include "out/control_link.hpp"

#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"
#include "common/base/random.hpp"
#include "common/net/deadline.hpp"
#include "common/open/proxy_words.hpp"
#include "out/data_link.hpp"

namespace inout::out {

ControlLink::ControlLink(Worker& worker, Workers& workers, const Network& network)
    : worker_(worker),
      workers_(workers),
      network_(network),
      config_(network.all),
      instance_(random_hex(kMagicDigits)),
      about_(network.config.topic + " at " + to_string(network.config.server)),
      retry_(config_.retry_interval) {}

Task<> ControlLink::run() {
    Timer pause(worker_.executor());
    while (!draining_) {
        forget_registration();  // if the last one has ended by an exception
        co_await register_once();
        pause.expires_after(retry_.wait(random_unit()));
        co_await pause.async_wait(use_result);
    }
}

void ControlLink::warn_not_registered(const std::string& reason) {
    log::limited(log::Level::warning, log::Kind::retry, "not registered", about_,
                 {{"topic", network_.config.topic},
                  {"server", to_string(network_.config.server)},
                  {"reason", reason}});
}

Task<> ControlLink::register_once() {
    auto dialled = co_await network_.proxy_link->dial(worker_.executor(), config_.connect_timeout,
                                                      DialFor::control, kControlTurn);
    if (!dialled) {
        warn_not_registered(dialled.error().detail);
        co_return;
    }
    if (draining_) co_return;
    channel_ = std::make_shared<ControlChannel>(std::move(*dialled));
    const auto response = co_await request_registration();
    if (!response) co_return;

    registration_ = std::make_shared<Registration>(network_);
    registration_->ticket = response->ticket;
    registration_->proxy_id = response->proxy;
    registration_->quiet = response->quiet;
    registration_->retry = response->retry;
    peer_has_ext_ = response->ext;
    log::limited(log::Level::info, log::Kind::change, "registered", about_,
                 {{"topic", network_.config.topic},
                  {"server", to_string(network_.config.server)},
                  {"backend", to_string(network_.config.backend)},
                  {"position", response->position},
                  {"identity", response->identity.empty() ? "not told" : response->identity}});
    if (network_.proxy_link->has_key() && response->identity == "anonymous") {
        log::limited(log::Level::warning, log::Kind::change, "not recognised", about_,
                     {{"topic", network_.config.topic},
                      {"server", to_string(network_.config.server)},
                      {"reason", kNotRecognised}});
    }
    set_position(response->position);
    retry_.registered(Clock::now());
    if (draining_) drain();  // the signal came while the proxy was asked
    co_await serve();
    forget_registration();
}

void ControlLink::forget_registration() {
    state_ = Counted(counters().topics_unregistered);
    if (registration_) registration_->close_links();  // running streams live on
    registration_.reset();
    if (channel_) channel_->close();
    channel_.reset();
}

/// Nothing: refused or failed, and said so.
Task<std::optional<Response>> ControlLink::request_registration() {
    Deadline deadline(channel_->connection());
    deadline.expires_after(config_.heartbeat_timeout);
    Message request = OutRequest{.magic = random_hex(kMagicDigits),
                                 .version = std::string(kVersion),
                                 .topic = network_.config.topic,
                                 .ext = true,
                                 .instance = instance_,
                                 .standby = standby_,
                                 .heartbeat_timeout = config_.heartbeat_timeout};
    network_.proxy_link->prove(request, channel_->connection());
    channel_->send(request);
    auto answer = co_await channel_->receive();
    if (!answer) {
        const HostPort& server = network_.config.server;
        const bool secured = channel_->connection().tls() != nullptr;
        warn_not_registered(channel_->connection().has_expired()
                                ? why_silent(server)
                                : why_no_answer(answer.error(), server, secured));
        co_return std::nullopt;
    }
    const auto* response = std::get_if<Response>(&*answer);
    if (response == nullptr || !response->answers("OutRequest") || !response->ok()) {
        warn_not_registered(response == nullptr || response->ok() ? "unexpected message"
                                                                  : response->message);
        channel_->close();
        co_return std::nullopt;
    }
    co_return *response;
}

Task<> ControlLink::serve() {
    channel_->start_heartbeat(config_.heartbeat_interval, config_.heartbeat_timeout);
    std::string reason;
    bool contended = false;
    while (reason.empty()) {
        auto received = co_await channel_->receive();
        if (!received) {
            // Our proxy keeps a line; only one of 0.0.1 ends a registration for another out.
            contended = !peer_has_ext_ && received.error().kind == ReadError::Kind::ended;
            reason = channel_->why(received.error());
        } else if (const auto* wanted = std::get_if<NewDataRequest>(&*received)) {
            open_data_links(*wanted);
        } else if (const auto* notice = std::get_if<Notice>(&*received)) {
            on_notice(*notice);
        } else if (!std::holds_alternative<Pong>(*received)) {
            reason = "unexpected message";
            channel_->close();
        }
    }
    log::limited(log::Level::warning, log::Kind::change, "disconnected", about_,
                 {{"topic", network_.config.topic},
                  {"server", to_string(network_.config.server)},
                  {"reason", reason}});
    if (retry_.lost(Clock::now(), contended)) {
        log::limited(log::Level::warning, log::Kind::change, "contention", about_,
                     {{"topic", network_.config.topic},
                      {"server", to_string(network_.config.server)},
                      {"reason",
                       "the proxy ends the registration again and again; "
                       "another out may serve this topic"}});
    }
}

void ControlLink::open_data_links(const NewDataRequest& wanted) {
    if (!refill_memory_reserve()) return;  // the proxy asks again
    const DialFor what = wanted.waiting ? DialFor::stream : DialFor::spare;
    for (unsigned i = 0; i < wanted.count; ++i) {
        Worker& worker = workers_.next();
        auto link = network_.links->add(registration_->links, worker.executor(), wanted.waiting,
                                        Clock::now());
        // The rest is forgotten: a proxy whose need lasts asks again.
        if (!link) {
            if (wanted.waiting) warn_no_room();
            return;
        }
        try {
            spawn(worker.executor(), "data link", data_link(worker, registration_, link, what));
        } catch (...) {
            network_.links->remove(link);  // or its place would stay taken
            throw;
        }
    }
}

/// Clients wait at the proxy, and neither what other topics keep nor what is free is enough.
void ControlLink::warn_no_room() {
    if (!network_.links->may_have_more(*registration_->links)) return;
    log::limited(log::Level::warning, log::Kind::warning, "no room for data connections", about_,
                 {{"topic", network_.config.topic},
                  {"server", to_string(network_.config.server)},
                  {"reason",
                   "out has no file descriptors left for more connections to this proxy: "
                   "raise its limit (ulimit -n)"}});
}

void ControlLink::on_notice(const Notice& notice) {
    const auto say = [this](log::Level level, std::string_view event, std::string_view reason) {
        log::limited(level, log::Kind::change, event, about_,
                     {{"topic", network_.config.topic},
                      {"server", to_string(network_.config.server)},
                      {"reason", reason}});
    };
    switch (notice.code) {
        case NoticeCode::displaced:
            standby_ = true;
            set_position(1);
            say(log::Level::warning, "displaced", notice.message);
            return;
        case NoticeCode::promoted:
            set_position(0);
            say(log::Level::info, "promoted", notice.message);
            return;
        case NoticeCode::draining: say(log::Level::info, "proxy draining", notice.message); return;
        case NoticeCode::other: return;
    }
}

/// 0: it holds its topic.
void ControlLink::set_position(unsigned position) {
    state_ = Counted(position == 0 ? counters().topics_held : counters().topics_waiting);
}

void ControlLink::drain() {
    draining_ = true;
    if (!registration_) return;
    registration_->drain();
    if (peer_has_ext_) channel_->send(Notice{NoticeCode::draining, "out is ending"});
}

}  // namespace inout::out
