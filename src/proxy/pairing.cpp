#include "common/net/error_watch.hpp"
#include "common/net/frame_io.hpp"
#include "common/net/settle.hpp"
#include "proxy/search.hpp"
#include "proxy/sessions.hpp"
#include "proxy/spares.hpp"

namespace inout::proxy {
namespace {

/// A stream's places in the limits.
struct Places {
    std::unique_ptr<Quota::Place> of_topic, of_key;
    std::unique_ptr<DescriptorBudget::Share> descriptors;
    std::shared_ptr<Strangers::Acquaintance> known;  ///< somebody of its source is here
};

/// A running stream of a registration, counted until the relay has ended it; or one that goes on to
/// another proxy.
struct RunningStream {
    RunningStream(ProxyState& s, Worker& w, const StreamEntry& entry, Found found, Places p,
                  StandingPtr standing)
        : state(s),
          worker(w),
          lease(std::move(found.lease)),
          spares(std::move(found.spares)),
          places(std::move(p)),
          listed(s.running, w.relays(), entry->shared_from_this(), std::move(standing),
                 std::move(found.registration)),
          given(std::move(found.given)) {
        if (listed.registration) counted.emplace(listed.registration->streams);
    }
    ProxyState& state;
    Worker& worker;
    DataPool::Lease lease;
    std::shared_ptr<SparePool> spares;
    Places places;
    RunningStreams::Stream listed;
    std::optional<CountedHere> counted, given;  // go before what they are counted in
};

/// The connection behind which a stream was served goes back to where it is from.
void give_back(ConnectionPtr data, DataPool::Lease lease, std::shared_ptr<SparePool> spares) {
    settle(
        std::move(data), Wanted::yes,
        [lease = std::move(lease), spares = std::move(spares)](ConnectionPtr connection) mutable {
            const bool worn_out = connection->framing()->is_worn_out(Clock::now());
            if (spares) {
                spares->give_back(std::move(connection), worn_out);
            } else {
                lease.give_back(std::move(connection), worn_out);
            }
        });
}

/// Gives both connections of a stream to the next ones that come.
void end(std::unique_ptr<RunningStream> running, EndedStream ended) {
    ProxyState& state = running->state;
    Worker& worker = running->worker;
    auto known = std::move(running->places.known);
    StandingPtr standing = running->listed.standing;
    DataPool::Lease lease = std::move(running->lease);
    std::shared_ptr<SparePool> spares = std::move(running->spares);
    running.reset();  // its descriptors are free
    if (ended.service.verdict == LegVerdict::reusable) {
        give_back(std::move(ended.service.connection), std::move(lease), std::move(spares));
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

/// Code::none: there is room for another stream of this topic and this identity, and `places` are
/// taken.
Reason take_places(ProxyState& state, const std::string& topic, const Standing& standing,
                   const Connection& in, Places& places) {
    const Identity& identity = standing.identity;
    auto refusal = state.allowances.objection(standing.asker(), true);
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
    // A proxy of the cluster asks for many, each of whom has a limit there.
    const bool is_counted = identity.kind != Identity::Kind::anonymous && !standing.is_hop();
    if (is_counted && !state.streams_of_key.take(to_string(identity), places.of_key)) {
        places.of_topic.reset();
        return {Code::limit, "this key has as many streams as it may"};
    }
    return {Code::none, {}};
}

/// How fast a stream may be, and whose quota counts it. What another proxy asks for, that one
/// counts for who has asked there, and nobody's byte counts twice.
std::unique_ptr<StreamLimits> limits_of(const ProxyState& state, const Standing& standing,
                                        const Registration* serves) {
    const Identity server = serves != nullptr ? serves->identity() : Identity{};
    if (!standing.is_hop()) return state.allowances.limits(standing.identity, server);
    return state.allowances.limits({}, server == standing.asker() ? Identity{} : server);
}

/// From here on what this in sends are frames, if it knows them. True: that is new to it.
bool take_framing(const ProxyConfig& config, Connection& in, const InRequest& request) {
    if (in.framing() != nullptr) {
        in.receive_stream();
        return false;
    }
    // Who is in between there knows no half-close and makes FIN of RST: the stream has ends of its
    // own, even if the connection is not kept.
    if (!request.early || (config.limits.warm == 0 && !in.is_websocket())) return false;
    if (request.framed) in.stay_framed();
    in.frame(StreamFraming::Role::responder);
    in.framing()->nonce = random_hex(kNonceDigits);
    in.receive_stream(*request.early);
    return true;
}

/// The service's first bytes came with its answer, and the relay sends them at once: with ours they
/// are one packet less, and `in` wakes once for both. Not if a rate may hold them back.
bool leave_together(const Connection& in, std::string_view answer, const Connection& data,
                    const StreamLimits* limits) {
    return in.framing() != nullptr && answer.size() <= StreamFraming::kAheadMaxBytes &&
           limits == nullptr && data.has_content_ahead();
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
    if (standing->is_hop()) {
        opening->came_by({to_string(identity), to_string(standing->asker())});
    }
    Found found{.refusal = take_places(state, request.topic, *standing, *in, places)};
    ErrorWatch in_watch(*in);
    EarlyData early(worker.relays(), *in);
    if (found.refusal.code == Code::none) {
        Search search{.state = state,
                      .worker = worker,
                      .opening = *opening,
                      .in = *in,
                      .early = early,
                      .request = request,
                      .standing = *standing,
                      .config = config};
        found = co_await find_way(search);
    }
    if (found.proxy.name || found.tries > 1) opening->goes_to(std::move(found.proxy), found.tries);
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
    if (found.data && request.e2e) answer.out = std::move(found.out_name);
    answer.zstd = found.data && found.zstd && request.zstd;
    if (found.data && standing->is_hop() && request.use <= 1) {
        answer.lists = settings->gatekeeper.lists();
    }
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
    auto limits = limits_of(state, *standing, found.registration.get());
    const std::string frame = encode(Message(std::move(answer)));
    if (leave_together(*in, frame, *found.data, limits.get())) {
        in->framing()->begin_sending();
        in->framing()->send_ahead(frame);
    } else {
        if (const auto error = co_await in->write_all(frame)) {
            if (!up.has_taken()) {
                opening->failed(Code::in_gone, error.message());
                co_return;
            }
            up.source_was_reset();  // what came before is still delivered
        }
        if (in->framing() != nullptr) in->framing()->begin_sending();
    }
    if (standing->is_hop()) counters().hops_from_total.add();
    if (!found.registration) counters().hops_to_total.add();
    StreamEntry entry = opening->finish("in", found.registration ? "out" : "proxy");
    ConnectionPtr data = std::move(found.data);
    if (const StreamFraming* framing = data->framing()) entry.use = framing->uses();
    auto running = std::make_unique<RunningStream>(state, worker, entry, std::move(found),
                                                   std::move(places), std::move(standing));
    state.judge(running->listed);  // since it was admitted there may be other settings
    worker.relays().start({.client_side = std::move(in),
                           .service_side = std::move(data),
                           .entry = std::move(entry),
                           .up = std::move(up),
                           .limits = std::move(limits),
                           .on_end = [running = std::move(running)](EndedStream ended) mutable {
                               end(std::move(running), std::move(ended));
                           }});
}

}  // namespace inout::proxy
