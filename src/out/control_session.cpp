#include "out/control_session.hpp"

#include <new>

#include "common/base/log.hpp"
#include "common/base/memory_reserve.hpp"
#include "common/net/deadline.hpp"
#include "common/open/proxy_words.hpp"
#include "out/backend_question.hpp"
#include "out/data_link.hpp"
#include "out/exit.hpp"

namespace inout::out {

ControlSession::ControlSession(Workers& workers, std::shared_ptr<const Network> network,
                               ConnectionPtr connection)
    : workers_(workers),
      registration_(std::make_shared<Registration>(std::move(network))),
      channel_(std::make_shared<ControlChannel>(std::move(connection))),
      streams_timer_(channel_->executor()) {}

Task<Result<Response, std::string>> ControlSession::ask(OutRequest request) {
    const Times& times = network().times;
    Deadline deadline(channel_->connection());
    deadline.expires_after(times.heartbeat_timeout);
    Message message = std::move(request);
    network().proxy_link->prove(message, channel_->connection());
    channel_->send(message);
    auto answer = co_await channel_->receive();
    if (!answer) {
        const HostPort& server = network().config.server;
        const bool secured = channel_->connection().tls() != nullptr;
        co_return Failure{channel_->connection().has_expired()
                              ? why_silent(server)
                              : why_no_answer(answer.error(), server, secured)};
    }
    auto* const response = std::get_if<Response>(&*answer);
    if (response == nullptr || !response->answers("OutRequest") || !response->ok()) {
        channel_->close();
        co_return Failure{response == nullptr || response->ok() ? std::string("unexpected message")
                                                                : response->message};
    }
    // It has taken the pattern for the topic of that name, which nobody asks for.
    if (network().config.pattern && !response->pattern) {
        channel_->close();
        co_return Failure{std::string(
            "this proxy does not know topic patterns (\"pattern\": true): it is older than that")};
    }
    registration_->ticket = response->ticket;
    registration_->proxy_id = response->proxy;
    registration_->quiet = response->quiet;
    registration_->retry = response->retry;
    peer_has_ext_ = response->ext;
    channel_->start_heartbeat(times.heartbeat_interval, times.heartbeat_timeout);
    co_return std::move(*response);
}

Task<Result<Notice, ControlSession::End>> ControlSession::next() {
    while (true) {
        auto received = co_await channel_->receive();
        if (!received) {
            // Our proxy keeps a line; only one of 0.0.1 ends a registration for another out.
            const bool ended = received.error().kind == ReadError::Kind::ended;
            co_return Failure{End{channel_->why(received.error()), ended && !peer_has_ext_}};
        }
        if (const auto* wanted = std::get_if<NewDataRequest>(&*received)) {
            open_data_links(*wanted);
        } else if (auto* probe = std::get_if<ProbeRequest>(&*received)) {
            answer(std::move(*probe));
        } else if (auto* notice = std::get_if<Notice>(&*received)) {
            co_return std::move(*notice);
        } else if (!std::holds_alternative<Pong>(*received)) {
            channel_->close();
            co_return Failure{End{"unexpected message"}};
        }
    }
}

void ControlSession::open_data_links(const NewDataRequest& wanted) {
    if (!refill_memory_reserve()) return;  // the proxy asks again
    DataLinks& links = registration_->data_links();
    const DialFor what = wanted.waiting ? DialFor::stream : DialFor::spare;
    for (unsigned i = 0; i < wanted.count; ++i) {
        Worker& worker = workers_.next();
        auto link =
            links.add(registration_->links, worker.executor(), wanted.waiting, Clock::now());
        // The rest is forgotten: a proxy whose need lasts asks again.
        if (!link) {
            if (wanted.waiting) warn_no_room();
            return;
        }
        try {
            spawn(worker.executor(), "data link", data_link(worker, registration_, link, what));
        } catch (...) {
            links.remove(link);  // or its place would stay taken
            throw;
        }
    }
}

/// Of one that asks too much at once the rest is refused: each costs a descriptor for a moment.
void ControlSession::answer(ProbeRequest probe) {
    if (!refill_memory_reserve()) return;
    Response refusal{.magic = probe.magic, .request = "ProbeRequest", .ext = true};
    const auto network = registration_->current.get();
    if (registration_->draining) {
        refusal.code = Code::draining;
        refusal.message = "out is ending";
    } else if (!serves(*network, probe.topic)) {
        refusal.code = Code::no_topic;
        refusal.message = "this out does not serve topic " + probe.topic;
    } else if (network->backends->are_all_down()) {
        refusal.code = Code::unready;
        refusal.message = "no backend of this topic works";
    } else if (probes_ >= kProbesAtOnce) {
        refusal.code = Code::limit;
        refusal.message = "too many probes at once";
    }
    Budget::Places places;
    if (refusal.message.empty()) places = registration_->data_links().place_of_probe();
    if (refusal.message.empty() && places.count() == 0) {
        refusal.code = Code::limit;
        refusal.message = "out has no file descriptors left for this proxy's probes";
    }
    if (!refusal.message.empty()) return channel_->send(refusal);
    counters().probes_total.add();
    spawn(channel_->executor(), "probe",
          ask_for(shared_from_this(), network, std::move(probe), std::move(places)));
}

Task<> ControlSession::ask_for(std::shared_ptr<ControlSession> self,
                               std::shared_ptr<const Network> network, ProbeRequest probe,
                               [[maybe_unused]] Budget::Places places) {
    const CountedHere here(self->probes_);
    const auto begun = Clock::now();
    auto asked =
        ask_backends(self->channel_->executor(), std::move(network), probe.topic, kQuestionTime);
    const auto failure = co_await std::move(asked);
    Response answer{.magic = std::move(probe.magic), .request = "ProbeRequest", .ext = true};
    answer.took = std::chrono::duration_cast<Milliseconds>(Clock::now() - begun);
    if (failure) {
        answer.code = failure->code;
        answer.message = failure->detail;
    }
    if (self->channel_->connection().is_open()) self->channel_->send(answer);
}

/// Clients wait at the proxy, and neither what other topics keep nor what is free is enough.
void ControlSession::warn_no_room() const {
    if (!registration_->data_links().may_have_more(*registration_->links)) return;
    log::limited(log::Level::warning, log::Kind::warning, "no room for data connections",
                 registration_->topic + " at " + registration_->server,
                 {{"topic", registration_->topic},
                  {"server", registration_->server},
                  {"reason",
                   "out has no file descriptors left for more connections to this proxy: "
                   "raise its limit (ulimit -n)"}});
}

void ControlSession::say_draining(const char* message) {
    if (peer_has_ext_) channel_->send(Notice{NoticeCode::draining, message});
}

void ControlSession::set_ready(bool ready) {
    if (std::exchange(told_unready_, !ready) == !ready || !peer_has_ext_) return;
    if (ready) {
        channel_->send(Notice{NoticeCode::ready, "a backend works again"});
    } else {
        channel_->send(Notice{NoticeCode::unready, "no backend works"});
    }
}

void ControlSession::drain() {
    registration_->drain();
    say_draining("out is ending");
}

void ControlSession::make_way() {
    left_because_ = kReplaced;
    if (!proxy_drains) close_behind_streams(left_because_);
}

void ControlSession::leave() {
    left_because_ = "out does not serve this topic any more";
    registration_->draining = true;
    close_behind_streams(left_because_);
}

/// A 0.0.1 proxy would cut them with the control connection.
void ControlSession::close_behind_streams(const char* why) {
    registration_->close_links();
    say_draining(why);
    look_for_streams_later();
}

void ControlSession::look_for_streams_later() {
    streams_timer_.expires_after(kLeavingPoll);
    streams_timer_.async_wait([self = shared_from_this()](std::error_code error) {
        if (!error) self->look_for_streams();
    });
}

void ControlSession::look_for_streams() try {
    if (!channel_->connection().is_open()) return;
    if (registration_->streams > 0) {
        look_for_streams_later();
        return;
    }
    channel_->connection().shut_send();  // over TLS that is more than the FIN
    channel_->connection().close_clean();
    close();
} catch (const std::bad_alloc&) {
    close();
}

void ControlSession::close() noexcept {
    try {
        registration_->close_links();
    } catch (const std::bad_alloc&) {
        log::lose_line();  // what is parked ends when the proxy ends it
    }
    streams_timer_.cancel();
    channel_->close();
}

}  // namespace inout::out
