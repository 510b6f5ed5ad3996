#include "common/net/deadline.hpp"
#include "common/net/error_watch.hpp"
#include "common/net/settle.hpp"
#include "common/open/ask.hpp"
#include "common/open/opening.hpp"
#include "proxy/activation.hpp"
#include "proxy/service.hpp"
#include "proxy/sessions.hpp"
#include "proxy/spares.hpp"

namespace inout::proxy {
namespace {

/// Asks out to dial its backend, and passes the client's first bytes on behind that.
Task<Activation> activate(Connection& data, EarlyData& early, Milliseconds answer_timeout,
                          const InRequest& request, const Opening& opening, bool ext) {
    Deadline deadline(data);
    deadline.expires_after(answer_timeout);
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
                  std::shared_ptr<Registration> registration, DataPool::Lease l, Places p,
                  StandingPtr standing)
        : state(s),
          worker(w),
          lease(std::move(l)),
          places(std::move(p)),
          listed(s.running, w.relays(), entry->shared_from_this(), std::move(standing),
                 std::move(registration)),
          counted(listed.registration->streams) {}
    ProxyState& state;
    Worker& worker;
    DataPool::Lease lease;
    Places places;
    RunningStreams::Stream listed;
    CountedHere counted;  // goes before what it is counted in
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
    Reason refusal{Code::none, {}};  ///< if there is no data
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

Found not_found(Reason reason) { return {.refusal = std::move(reason)}; }
Found not_found(Code code, std::string detail) { return not_found({code, std::move(detail)}); }

/// Tries parked connections, and the next in line when an out is ending, or one that comes back,
/// until one is open or the time for all of it is over.
Task<Found> find_data_connection(ProxyState& state, Worker& worker, const Opening& opening,
                                 Connection& in, EarlyData& early, const InRequest& request,
                                 const ProxyConfig& config) {
    const std::string& topic = request.topic;
    const auto wait_until = Clock::now() + config.open_timeout;
    const auto give_up_at = wait_until + config.answer_timeout;
    Route route;
    while (Clock::now() < give_up_at && !in.was_reset()) {
        if (state.draining) co_return not_found(Code::draining, "proxy is ending");
        auto next = co_await state.directory.find(topic, wait_until, route, in);
        if (!next && in.was_reset()) break;
        if (!next) co_return not_found(std::move(next.error()));
        route = std::move(*next);
        const auto& registration = route.out;
        if (!state.settings()->gatekeeper.allows(*registration->standing, Right::out, topic)) {
            co_return not_found(Code::no_topic, "no out serves topic " + topic);
        }
        auto refusal = state.allowances.objection(registration->identity(), false);
        if (refusal.code != Code::none) co_return not_found(std::move(refusal));
        auto taken = co_await registration->pool->take(worker, wait_until, in);
        if (taken.result == DataPool::Taken::given_up) break;
        if (taken.result == DataPool::Taken::timeout) {
            if (state.budget.is_spent(descriptors_in_use())) {
                co_return not_found(Code::limit, words(DescriptorBudget::Verdict::none_left));
            }
            co_return not_found(Code::open_timeout, "no data connection in time");
        }
        if (taken.result == DataPool::Taken::too_many_waiting) {
            co_return not_found(Code::limit, "too many streams wait for this topic");
        }
        if (taken.result == DataPool::Taken::closed) continue;  // not its holder any more
        ConnectionPtr data = std::move(taken.connection);
        DataPool::Lease lease = std::move(taken.lease);
        in.on_reset([&data] { data->close(); });
        const auto activated = co_await activate(*data, early, config.answer_timeout, request,
                                                 opening, registration->ext);
        in.on_reset({});
        // No other data connection may get what this one had, unless nothing was begun with it.
        const bool over = early.has_taken() && !(activated.untouched && early.begin_again());
        switch (activated.verdict) {
            case Activation::Verdict::open: {
                Found found{.data = std::move(data),
                            .lease = std::move(lease),
                            .registration = registration};
                co_return std::move(found);
            }
            case Activation::Verdict::dead:
                log::debug("dead data connection",
                           {{"id", opening.id()}, {"topic", topic}, {"out", registration->out}});
                if (over) co_return not_found(Code::no_out, "out ended with the first bytes");
                continue;
            case Activation::Verdict::draining:
                out_is_draining(state, registration);
                if (over) co_return not_found(Code::draining, "out is ending");
                continue;
            case Activation::Verdict::refused: co_return not_found(activated.refusal);
        }
    }
    co_return not_found(Code::open_timeout, "no live data connection in time");
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
        found = co_await find_data_connection(state, worker, *opening, *in, early, request, config);
    }
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
                    .code = found.refusal.code};
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
        std::move(places), std::move(standing));
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
