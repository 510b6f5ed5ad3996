#include "common/base/crypto.hpp"
#include "common/net/frame_io.hpp"
#include "proxy/service.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {
namespace {

Response answer_to(std::string_view request, std::string magic) {
    return Response{.magic = std::move(magic), .request = std::string(request), .ext = true};
}

/// The same at every proxy where one run of out registers, and nothing that its `instance`, which
/// can replace its registrations, could be guessed from. A 0.0.1 out has one for each registration.
std::string name_of(const OutRequest& request) {
    if (request.instance.empty()) return random_hex(kOutNameDigits);
    const Digest digest = hmac_sha256(request.instance, "inout out name 1");
    return to_hex(bytes_of(digest)).substr(0, kOutNameDigits);
}

std::shared_ptr<Registration> make_registration(ProxyState& state,
                                                const std::shared_ptr<ControlChannel>& channel,
                                                const OutRequest& request,
                                                const ProxyConfig& config,
                                                DescriptorBudget::Owner owner) {
    auto registration = std::make_shared<Registration>();
    registration->topic = request.topic;
    registration->out = channel->peer();
    registration->name = name_of(request);
    registration->ext = request.ext;
    registration->share = request.share;
    registration->source = request.source;
    registration->probe = request.probe;
    registration->choice = Candidate(registration->name, request.weight, false, kOutRest);
    registration->pattern = pattern_of(request);
    if (request.ext) registration->ticket = state.settings()->gatekeeper.new_ticket(state.proxy_id);
    registration->channel = channel;
    PoolPolicy policy(config.pool_min, config.pool_max,
                      request.ext ? kPoolHardMax : kLegacyUnansweredMax);
    // What is asked for while others are served goes out as one message. A 0.0.1 out understands no
    // count and gets one message for each connection.
    struct Wanted {
        std::atomic<std::size_t> count{0};
        std::atomic<bool> waiting{false};
    };
    auto wanted = std::make_shared<Wanted>();
    auto ask = [&state, channel, topic = request.topic, ext = request.ext, wanted](std::size_t more,
                                                                                   bool waiting) {
        if (state.handed_over) return;
        if (waiting) wanted->waiting = true;
        if (wanted->count.fetch_add(more) > 0) return;
        const auto send = [channel, topic, ext, wanted] {
            for (std::size_t left = wanted->count.exchange(0); left > 0;) {
                const std::size_t count = ext ? std::min(left, kPoolHardMax) : 1;
                channel->send(NewDataRequest{.magic = random_hex(kMagicDigits),
                                             .topic = topic,
                                             .count = static_cast<unsigned>(count),
                                             .waiting = wanted->waiting.exchange(false) && ext});
                left -= count;
            }
        };
        try {
            asio::post(channel->executor(), send);
        } catch (const std::bad_alloc&) {
            wanted->count = 0;  // or nothing would ever be asked for again
            throw;
        }
    };
    ParkingRoom room;
    room.is_there = [&budget = state.budget, owner] {
        return budget.has_room(DescriptorBudget::Kind::parked, owner, descriptors_in_use());
    };
    room.take = [&budget = state.budget, owner](std::unique_ptr<DescriptorBudget::Share>& share) {
        return budget.take(DescriptorBudget::Kind::parked, owner, 1, descriptors_in_use(), share) ==
               DescriptorBudget::Verdict::granted;
    };
    registration->owner = std::move(owner);
    registration->pool = std::make_shared<DataPool>(policy, config.pool_max, config.limits.waiting,
                                                    std::move(ask), std::move(room));
    return registration;
}

void say_refused(const OutRequest& request, const std::string& out, const Identity& identity,
                 const std::string& reason) {
    const std::string name = to_string(identity);
    log::limited(log::Level::warning, log::Kind::warning, "registration refused", name,
                 {{"topic", request.topic}, {"out", out}, {"identity", name}, {"reason", reason}});
}

/// A registration whose session ends by an exception must not stay: its topic would be dead.
class Registered {
  public:
    Registered(Directory& directory, std::shared_ptr<Registration> registration)
        : directory_(directory), registration_(std::move(registration)) {}
    Registered(const Registered&) = delete;
    Registered& operator=(const Registered&) = delete;
    ~Registered() {
        registration_->channel->close();
        try {
            directory_.forget(registration_);
        } catch (const std::bad_alloc&) {
            log::lose_line();  // it is out of its line; who is next in it may not have been told
        }
    }

  private:
    Directory& directory_;
    const std::shared_ptr<Registration> registration_;
};

/// It drains, and its last stream has ended: an out of ours has ended by then, too.
bool is_over(const Registration& registration) {
    const Clock::rep since = registration.drains_since;
    if (since == 0 || registration.streams > 0) return false;
    return Clock::now().time_since_epoch() - Clock::duration(since) >= kDrainedStay;
}

void heed(ProxyState& state, const std::shared_ptr<Registration>& registration,
          const Notice& notice) {
    if (notice.code == NoticeCode::draining) return out_is_draining(state, registration);
    const bool unready = notice.code == NoticeCode::unready;
    if (!unready && notice.code != NoticeCode::ready) return;
    if (registration->unready.exchange(unready) == unready) return;
    state.directory.set_ready(*registration, !unready);
    log::limited(
        log::Level::info, log::Kind::change, unready ? "out unready" : "out ready",
        registration->topic,
        {{"topic", registration->topic}, {"out", registration->out}, {"reason", notice.message}});
}

/// Answers the out until its connection ends; returns why it ended.
Task<std::string> serve(ProxyState& state, const std::shared_ptr<Registration>& registration) {
    while (true) {
        auto received = co_await registration->channel->receive();
        if (!received) {
            if (registration->replaced) co_return "replaced by its out";
            if (registration->revoked) co_return "it may serve the topic no more";
            if (registration->kicked) co_return "kicked";
            if (registration->pushed_out) co_return "silent, and the topic's line was full";
            co_return registration->channel->why(received.error());
        }
        registration->pulse.beat(Clock::now());
        if (is_over(*registration)) {
            registration->channel->close();
            co_return "drained";
        }
        if (std::holds_alternative<Ping>(*received)) {
            registration->channel->send(Pong{});
            registration->pool->tick();
        } else if (const auto* notice = std::get_if<Notice>(&*received)) {
            heed(state, registration, *notice);
        } else if (const auto* answer = std::get_if<Response>(&*received)) {
            registration->probes.heard(*answer);
        } else {
            registration->channel->close();
            co_return "unexpected message";
        }
    }
}

}  // namespace

void out_is_draining(ProxyState& state, const std::shared_ptr<Registration>& registration) {
    if (!state.directory.drain(registration)) return;
    registration->drains_since = Clock::now().time_since_epoch().count();
    log::limited(log::Level::info, log::Kind::change, "out draining", registration->topic,
                 {{"topic", registration->topic}, {"out", registration->out}});
}

Task<> control_session(ProxyState& state, ConnectionPtr connection, OutRequest request,
                       StandingPtr standing) {
    const Identity& identity = standing->identity;
    SettingsPtr settings = state.settings();
    Response answer = answer_to("OutRequest", request.magic);
    const std::string who = connection->peer();
    const DescriptorBudget::Owner owner = state.owner_of(identity, *connection);
    std::unique_ptr<DescriptorBudget::Share> share;  // for as long as this session lasts
    state.relieve(descriptors_in_use());
    // What a key has registered already counts once, however many outs serve it.
    std::shared_ptr<Quota::Place> place;
    const bool has_place =
        identity.kind == Identity::Kind::anonymous ||
        state.directory.take_topic(request.topic, identity, state.topics_of_key, place);
    if (state.draining) {
        answer.code = Code::draining;
        answer.message = "proxy is ending";
    } else if (!has_place) {
        answer.code = Code::limit;
        answer.message = "this key has as many topics as it may";
        say_refused(request, who, identity, "limits.topics_per_key");
    } else if (const auto verdict = state.budget.take(DescriptorBudget::Kind::control, owner, 1,
                                                      descriptors_in_use(), share);
               verdict != DescriptorBudget::Verdict::granted) {
        answer.code = Code::limit;
        answer.message = words(verdict);
        say_refused(request, who, identity, answer.message);
    }
    if (!answer.message.empty()) {
        place.reset();  // the farewell is no part of it
        co_await refuse(*connection, std::move(answer));
        co_return;
    }
    const bool secured = connection->tls() != nullptr;
    auto certificate = settings->gatekeeper.certificate_of(*connection);
    auto channel = std::make_shared<ControlChannel>(std::move(connection));
    const auto registration = make_registration(state, channel, request, settings->config, owner);
    registration->standing = standing;
    registration->secured = secured;
    registration->standby = request.standby;
    registration->bound = request.bound && secured && identity.kind == Identity::Kind::key;
    registration->certificate = std::move(certificate);
    const Milliseconds timeout =
        request.heartbeat_timeout.value_or(settings->config.heartbeat_timeout);
    registration->pulse.begin(Clock::now(), timeout);
    registration->topic_of_key = std::move(place);
    const auto position = state.directory.add(registration, request.instance, request.standby);
    if (!position) {
        answer.code = Code::limit;
        answer.message = "too many topics, or too many outs in line for this one";
        say_refused(request, who, identity, answer.message);
        registration->topic_of_key.reset();  // the farewell is no part of it
        share.reset();
        co_await refuse(channel->connection(), std::move(answer));
        co_return;
    }
    std::optional<Registered> registered(std::in_place, state.directory, registration);
    state.judge(*registration);  // since it was admitted there may be other settings
    answer.proxy = state.proxy_id;
    answer.ticket = registration->ticket;
    answer.position = static_cast<unsigned>(*position);
    answer.quiet = answer.retry = request.ext;
    answer.share = request.share;
    answer.source = request.source;
    answer.pattern = request.pattern;
    if (request.ext) answer.identity = identity_to_tell(identity);
    log::limited(log::Level::info, log::Kind::change, "registered", request.topic,
                 {{"topic", request.topic},
                  {"out", registration->out},
                  {"identity", to_string(identity)},
                  {"position", *position},
                  {"share", request.share ? request.weight : 0},
                  {"pattern", request.pattern ? "yes" : "no"},
                  {"tls", secured ? "yes" : "no"},
                  {"ext", request.ext ? "yes" : "no"}});
    channel->send(answer);
    if (request.heartbeat_timeout) {
        channel->start_heartbeat(Milliseconds::zero(), *request.heartbeat_timeout);
    } else {
        channel->learn_heartbeat(settings->config.heartbeat_timeout);
    }
    settings.reset();  // it may be replaced while this one serves
    const std::string reason = co_await serve(state, registration);
    registered.reset();
    log::limited(log::Level::info, log::Kind::change, "unregistered", registration->topic,
                 {{"topic", registration->topic},
                  {"out", registration->out},
                  {"reason", reason},
                  {"streams", registration->streams.load()}});
}

}  // namespace inout::proxy
