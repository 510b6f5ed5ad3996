#include "common/net/deadline.hpp"
#include "common/net/error_watch.hpp"
#include "common/net/settle.hpp"
#include "common/open/ask.hpp"
#include "common/open/opening.hpp"
#include "proxy/activation.hpp"
#include "proxy/service.hpp"
#include "proxy/sessions.hpp"
#include "proxy/spares.hpp"
#include "proxy/tries.hpp"

namespace inout::proxy {
namespace {

/// Asks out to dial its backend, and passes the client's first bytes on behind that.
Task<Activation> activate(Connection& data, EarlyData& early, Clock::time_point answer_until,
                          const InRequest& request, const Opening& opening, bool ext) {
    Deadline deadline(data);
    deadline.expires_at(answer_until);
    const StreamFraming* const framing = data.framing();
    const Message message = DataActiveRequest{.magic = random_hex(kMagicDigits),
                                              .topic = request.topic,
                                              .ext = ext,
                                              .id = opening.id(),
                                              .client = opening.client(),
                                              .e2e = request.e2e,
                                              .use = framing != nullptr ? framing->uses() + 1 : 0};
    std::string first = first_bytes(early, nullptr);
    const auto heard = co_await exchange(data, message, std::move(first), &early);
    auto activation = judge(heard.answer ? &*heard.answer : nullptr, data.has_expired(), ext);
    if (activation.verdict == Activation::Verdict::open) {
        if (heard.write_error) early.sink_was_lost(heard.write_error);
        if (framing != nullptr) data.receive_stream();
    }
    co_return activation;
}

/// A stream's places in the limits.
struct Places {
    std::unique_ptr<Quota::Place> of_topic, of_key;
    std::unique_ptr<DescriptorBudget::Share> descriptors;
    std::shared_ptr<Strangers::Acquaintance> known;  ///< somebody of its source is here
};

/// A running stream of a registration, counted until the relay has ended it.
struct RunningStream {
    RunningStream(ProxyState& s, Worker& w, const StreamEntry& entry,
                  std::shared_ptr<Registration> registration, DataPool::Lease l, CountedHere g,
                  Places p, StandingPtr standing)
        : state(s),
          worker(w),
          lease(std::move(l)),
          places(std::move(p)),
          listed(s.running, w.relays(), entry->shared_from_this(), std::move(standing),
                 std::move(registration)),
          counted(listed.registration->streams),
          given(std::move(g)) {}
    ProxyState& state;
    Worker& worker;
    DataPool::Lease lease;
    Places places;
    RunningStreams::Stream listed;
    CountedHere counted, given;  // go before what they are counted in
};

/// Gives both connections of a stream to the next ones that come.
void end(std::unique_ptr<RunningStream> running, EndedStream ended) {
    ProxyState& state = running->state;
    Worker& worker = running->worker;
    auto known = std::move(running->places.known);
    StandingPtr standing = running->listed.standing;
    DataPool::Lease lease = std::move(running->lease);
    running.reset();  // its descriptors are free
    if (ended.service.verdict == LegVerdict::reusable) {
        settle(std::move(ended.service.connection), Wanted::yes,
               [lease = std::move(lease)](ConnectionPtr data) mutable {
                   const bool worn_out = data->framing()->is_worn_out(Clock::now());
                   lease.give_back(std::move(data), worn_out);
               });
    }
    if (ended.client.verdict != LegVerdict::reusable) return;
    ConnectionPtr in = std::move(ended.client.connection);
    auto spare = keep_spare(state, in, std::move(standing), std::move(known));
    const Wanted wanted = spare ? Wanted::yes : Wanted::no;
    settle(std::move(in), wanted,
           [&state, &worker, spare = std::move(spare)](const ConnectionPtr&) mutable {
               spawn(worker.executor(), "spare", spare_session(state, worker, std::move(spare)));
           });
}

struct Found {
    ConnectionPtr data{};  ///< open towards the backend
    DataPool::Lease lease{};
    std::shared_ptr<Registration> registration;
    std::optional<CountedHere> given{};  ///< goes before what it is counted in
    Reason refusal{Code::none, {}};      ///< if there is no data
    bool untouched = true;               ///< then: no out may have begun anything
    unsigned tries = 1;
};

/// Code::none: there is room for another stream of this topic and this identity, and `places` are
/// taken.
Reason take_places(ProxyState& state, const std::string& topic, const Identity& identity,
                   const Connection& in, Places& places) {
    auto refusal = state.allowances.objection(identity, true);
    if (refusal.code != Code::none) return refusal;
    const std::size_t in_use = descriptors_in_use();
    state.relieve(in_use);
    const auto verdict =
        state.budget.take(DescriptorBudget::Kind::stream, state.owner_of(identity, in),
                          kStreamDescriptors, in_use, places.descriptors);
    if (verdict != DescriptorBudget::Verdict::granted) return {Code::limit, words(verdict)};
    if (!state.streams_of_topic.take(topic, places.of_topic)) {
        return {Code::limit, "this topic has as many streams as it may"};
    }
    const bool has_name = identity.kind != Identity::Kind::anonymous;
    if (has_name && !state.streams_of_key.take(to_string(identity), places.of_key)) {
        places.of_topic.reset();
        return {Code::limit, "this key has as many streams as it may"};
    }
    return {Code::none, {}};
}

/// What all tries of a stream have in common.
struct Search {
    ProxyState& state;
    Worker& worker;
    const Opening& opening;
    Connection& in;
    EarlyData& early;
    const InRequest& request;
    const ProxyConfig& config;
    const Clock::time_point give_up_at = Clock::now() + config.open_timeout + config.answer_timeout;
    Tried tried{request.tried};
    const Choice choice{dispatch_of(config, request.topic), source_of(opening.client())};
    Tries tries{give_up_at};
    Found found{};  ///< when it is open

    /// No stream; what an out has said before counts more.
    Found fails(const Reason& reason) const {
        return {.refusal = tries.reason(reason),
                .untouched = tries.is_untouched(),
                .tries = tries.count()};
    }
    Found fails(Code code, std::string detail) const { return fails({code, std::move(detail)}); }
};

/// A try has failed, and another one follows.
void say_next(const Search& search, const Registration& registration, const Reason& reason) {
    log::limited(log::Level::info, log::Kind::failure, "out refused", search.request.topic,
                 {{"id", search.opening.id()},
                  {"topic", search.request.topic},
                  {"out", registration.out},
                  {"code", to_string(reason.code)},
                  {"detail", reason.detail}});
}

/// Whether this registration may have the stream, before it is asked.
Reason objection_to(const Search& search, const Registration& registration) {
    const std::string& topic = search.request.topic;
    if (!search.state.settings()->gatekeeper.allows(*registration.standing, Right::out, topic)) {
        return {Code::no_topic, "no out serves topic " + topic};
    }
    return search.state.allowances.objection(registration.identity(), false);
}

/// What an answer of out that opens nothing means for others.
void learn_from(const Search& search, const std::shared_ptr<Registration>& registration,
                const Activation& activated, bool goes_on) {
    const Reason& refusal = activated.refusal;
    switch (activated.verdict) {
        case Activation::Verdict::open: break;
        case Activation::Verdict::dead:
            log::debug("dead data connection", {{"id", search.opening.id()},
                                                {"topic", search.request.topic},
                                                {"out", registration->out}});
            break;
        case Activation::Verdict::draining: out_is_draining(search.state, registration); break;
        case Activation::Verdict::refused:
            // Of a late try it had only what the others have left it. And one topic of a pattern
            // says nothing about the others: anybody can ask for it.
            if (!registration->pattern && is_failure_of_out(refusal.code, registration->ext) &&
                (refusal.code != Code::open_timeout || Clock::now() < search.give_up_at)) {
                search.state.directory.has_refused(*registration);
            }
            if (goes_on) say_next(search, *registration, refusal);
    }
}

/// Asks one out for the stream, on a data connection of it.
Task<Tries::Next> ask_out(Search& search, const std::shared_ptr<Registration>& registration,
                          ConnectionPtr data, DataPool::Lease lease) {
    EarlyData& early = search.early;
    const auto answer_until =
        std::min(Clock::now() + search.config.answer_timeout, search.give_up_at);
    search.in.on_reset([&data] { data->close(); });
    const auto activated = co_await activate(*data, early, answer_until, search.request,
                                             search.opening, registration->ext);
    search.in.on_reset({});
    const Tries::Facts facts{
        .ext = registration->ext, .passed = early.has_passed(), .kept = early.is_kept()};
    const auto next =
        search.tries.after(activated, facts, registration->id, search.tried, Clock::now());
    if (next == Tries::Next::open) {
        if (registration->has_failed) search.state.directory.has_served(*registration);
        search.found = {.data = std::move(data),
                        .lease = std::move(lease),
                        .registration = registration,
                        .tries = search.tries.count()};
        co_return next;
    }
    const bool goes_on = next != Tries::Next::none;
    if (goes_on) early.begin_again();
    learn_from(search, registration, activated, goes_on);
    co_return next;
}

/// Why the pool of an out had no data connection for a stream whose time is over, or that it does
/// not let wait; nothing: another one is to be found.
std::optional<Reason> why_not_taken(const Search& search, DataPool::Taken result) {
    switch (result) {
        case DataPool::Taken::timeout:
            if (search.state.budget.is_spent(descriptors_in_use())) {
                return Reason{Code::limit, words(DescriptorBudget::Verdict::none_left)};
            }
            return Reason{Code::open_timeout, "no data connection in time"};
        case DataPool::Taken::too_many_waiting:
            return Reason{Code::limit, "too many streams wait for this topic"};
        default: return std::nullopt;
    }
}

/// Tries parked connections, and the next in line where an out refuses in a way that has cost the
/// client nothing, or one that comes back, until one is open or the time for all of it is over.
Task<Found> find_data_connection(Search& search) {
    ProxyState& state = search.state;
    Connection& in = search.in;
    Tried& tried = search.tried;
    const auto first_wait_until = search.give_up_at - search.config.answer_timeout;
    while (Clock::now() < search.give_up_at && !in.was_reset()) {
        if (state.draining) co_return search.fails(Code::draining, "proxy is ending");
        // A try that took long leaves the next one what is left.
        const auto wait_until =
            tried.is_empty()
                ? first_wait_until
                : std::min(Clock::now() + search.config.open_timeout, search.give_up_at);
        auto route = co_await state.directory.find(search.request.topic, wait_until, tried, in,
                                                   search.choice);
        if (!route && in.was_reset()) break;
        if (!route) co_return search.fails(route.error());
        const auto registration = std::move(route->out);
        CountedHere given(registration->given);  // goes first
        tried.found_one();
        if (auto why = objection_to(search, *registration); why.code != Code::none) {
            const auto next = search.tries.passed_over(registration->id, tried, why, Clock::now());
            if (next == Tries::Next::none) break;
            continue;
        }
        auto taken = co_await registration->pool->take(search.worker, wait_until, in);
        if (taken.result == DataPool::Taken::given_up) break;
        if (taken.result == DataPool::Taken::closed) continue;  // not its holder any more
        if (auto why = why_not_taken(search, taken.result)) co_return search.fails(*why);
        const auto next = co_await ask_out(search, registration, std::move(taken.connection),
                                           std::move(taken.lease));
        if (next == Tries::Next::open) {
            search.found.given = std::move(given);
            co_return std::move(search.found);
        }
        if (next == Tries::Next::none) break;
    }
    co_return search.fails(Code::open_timeout, "no live data connection in time");
}

/// From here on what this in sends are frames, if it knows them. True: that is new to it.
bool take_framing(const ProxyConfig& config, Connection& in, const InRequest& request) {
    if (in.framing() != nullptr) {
        in.receive_stream();
        return false;
    }
    if (!request.early || config.limits.warm == 0) return false;
    in.frame(StreamFraming::Role::responder);
    in.framing()->nonce = random_hex(kNonceDigits);
    in.receive_stream(*request.early);
    return true;
}

}  // namespace

Task<> pairing_session(ProxyState& state, Worker& worker, ConnectionPtr in, InRequest request,
                       StandingPtr standing, std::shared_ptr<Strangers::Acquaintance> known) {
    const SettingsPtr settings = state.settings();
    const ProxyConfig& config = settings->config;
    const Identity& identity = standing->identity;
    const bool offers_reuse = take_framing(config, *in, request);
    // A 0.0.1 in tells neither id nor client; its own address is the best that is known.
    std::optional<Opening> opening(
        std::in_place, worker.relays(), *in, request.id, request.topic,
        request.client.empty() ? in->peer() : request.client,
        identity.kind == Identity::Kind::anonymous ? in->source() : to_string(identity));
    Places places{.known = std::move(known)};
    Found found{.refusal = take_places(state, request.topic, identity, *in, places)};
    ErrorWatch in_watch(*in);
    EarlyData early(worker.relays(), *in);
    if (found.refusal.code == Code::none) {
        Search search{.state = state,
                      .worker = worker,
                      .opening = *opening,
                      .in = *in,
                      .early = early,
                      .request = request,
                      .config = config};
        found = co_await find_data_connection(search);
    }
    if (found.tries > 1) opening->goes_to({}, found.tries);
    Pump up = early.take_pump();
    in_watch.stop();
    if (in->was_reset() && !up.has_taken()) {
        if (in->framing() != nullptr && in->framing()->is_broken()) {
            count_refused(*in, "frames of in: " + in->bytes().failure(), "protocol error");
        }
        opening->failed(Code::in_gone, "in reset its connection");
        co_return;
    }
    Response answer{.magic = std::move(request.magic),
                    .request = "InRequest",
                    .message = found.refusal.detail,
                    .ext = true,
                    .code = found.refusal.code,
                    .retry = !found.data && request.ext && found.untouched};
    if (config.limits.warm > 0) answer.warm = kSpareKept;
    if (found.data && request.e2e) answer.out = found.registration->name;
    if (found.data && offers_reuse) {
        answer.reuse = true;
        answer.nonce = in->framing()->nonce;
    }
    if (!found.data) {
        opening->failed(found.refusal);
        opening.reset();  // the farewell is no part of it: neither a drain nor others wait for it
        places = {};
        co_await refuse(*in, std::move(answer));
        co_return;
    }
    const Message message = std::move(answer);
    if (const auto error = co_await write_message(*in, message)) {
        if (!up.has_taken()) {
            opening->failed(Code::in_gone, error.message());
            co_return;
        }
        up.source_was_reset();  // what came before is still delivered
    }
    if (in->framing() != nullptr) in->framing()->begin_sending();
    StreamEntry entry = opening->finish("in", "out");
    if (const StreamFraming* framing = found.data->framing()) entry.use = framing->uses();
    auto limits = state.allowances.limits(identity, found.registration->identity());
    auto running = std::make_unique<RunningStream>(
        state, worker, entry, std::move(found.registration), std::move(found.lease),
        std::move(*found.given), std::move(places), std::move(standing));
    state.judge(running->listed);  // since it was admitted there may be other settings
    worker.relays().start({.client_side = std::move(in),
                           .service_side = std::move(found.data),
                           .entry = std::move(entry),
                           .up = std::move(up),
                           .limits = std::move(limits),
                           .on_end = [running = std::move(running)](EndedStream ended) mutable {
                               end(std::move(running), std::move(ended));
                           }});
}

}  // namespace inout::proxy
