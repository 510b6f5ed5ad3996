#include "in/client_session.hpp"

#include "common/net/deadline.hpp"
#include "common/net/error_watch.hpp"
#include "common/net/settle.hpp"
#include "common/open/ask.hpp"
#include "common/open/attempt.hpp"
#include "common/open/introduction.hpp"
#include "common/open/opening.hpp"
#include "common/wire/forward_answer.hpp"
#include "in/last_words.hpp"
#include "in/probe.hpp"
#include "in/single_request.hpp"

namespace inout::in {
namespace {

/// For all streams that can not reach this proxy; each has its own open_failed line as well.
void warn_proxy_unreachable(const Server& server, const std::string& topic,
                            const std::string& reason) {
    const std::string& name = *server.name();
    log::limited(log::Level::warning, log::Kind::warning, "proxy unreachable", name,
                 {{"server", name}, {"topic", topic}, {"reason", reason}});
}

/// A connection on which a stream can be asked for.
struct Leg {
    ConnectionPtr connection{};
    bool spare = false;  ///< its proxy has agreed to a stream on it before
    bool holds = false;  ///< what is there may be no proxy: it gets nothing of the client's yet
};

/// If its path has vanished, that is found as soon as a dial would find it.
Leg spare_leg(SparePool& spares, const ServerTries& tries) {
    ConnectionPtr connection = spares.take(tries.dial_timeout());
    const bool spare = connection != nullptr;
    return {.connection = std::move(connection), .spare = spare};
}

/// Whether another server may be reached: nothing has run out here, and somebody waits for it.
bool is_of_its_server(const Reason& failure) {
    return failure.code != Code::limit && failure.code != Code::client_gone;
}

/// Whether one of several servers may have a client's bytes at once; one alone has them, as there
/// is nobody else to give them to.
bool is_trusted(const Network& network, const Server& server) {
    return !network.servers->has_several() || server.is_proven();
}

/// Of several, one that has not answered lately is asked first whether it is there: that answer
/// comes at once, and that of a request only when its out has answered. Nothing: it is, and another
/// connection has to be dialled, to which `leg` does not apply.
Task<std::optional<Result<Leg, Reason>>> make_sure(Server& server, ConnectionPtr fresh,
                                                   Milliseconds timeout, Connection& client) {
    client.on_reset([connection = fresh.get()] { connection->close(); });
    Look look = co_await look_at(server.proxy_link(), std::move(fresh), timeout);
    client.on_reset({});
    if (client.was_reset()) co_return Failure{client_gone()};
    if (!note(server, look.what)) {
        const Code code =
            look.what == Look::What::refused ? look.response.code : Code::proxy_unreachable;
        co_return Failure{Reason{code, std::move(look.reason)}};
    }
    if (!look.is_spare) co_return std::nullopt;
    co_return Leg{.connection = take_spare(std::move(look)), .spare = true};
}

/// A fresh connection for a client of whom nothing is under way; the failure is that of its try.
Task<Result<Leg, Reason>> dial_proxy(Worker& worker, const Network& network,
                                     const std::string& topic, const ServerTries& tries,
                                     Clock::time_point until, Connection& client,
                                     ClientPlaces& places) {
    const std::shared_ptr<Server> server = places.server;
    while (true) {
        const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now());
        auto dialled = co_await server->proxy_link().dial(worker.executor(), tries.dial_timeout(),
                                                          DialFor::stream, left, &client);
        if (!dialled) {
            if (dialled.error().code == Code::client_gone) co_return Failure{client_gone()};
            server->lost();
            warn_proxy_unreachable(*server, topic, dialled.error().detail);
            co_return Failure{std::move(dialled.error())};
        }
        if (client.was_reset()) {
            Task<> leaving =
                leave(server->link(), std::move(places.descriptors), std::move(*dialled));
            spawn(worker.executor(), "leaving", std::move(leaving));
            co_return Failure{client_gone()};
        }
        const bool trusted = is_trusted(network, *server);
        if (trusted || !server->takes_introductions()) {
            co_return Leg{.connection = std::move(*dialled), .holds = !trusted};
        }
        auto sure = co_await make_sure(*server, std::move(*dialled), tries.dial_timeout(), client);
        if (!sure) continue;
        if (!*sure && sure->error().code != Code::client_gone) {
            warn_proxy_unreachable(*server, topic, sure->error().detail);
        }
        co_return std::move(*sure);
    }
}

/// Of several servers, one whose answer lasts as long as a dial may is looked at beside it: that
/// may be its out, or itself. Ends with what is returned.
std::unique_ptr<Timer> begin_patience(Worker& worker, const Network& network,
                                      const std::shared_ptr<Server>& server,
                                      const ServerTries& tries) {
    if (!network.servers->has_several()) return nullptr;
    auto timer = std::make_unique<Timer>(worker.context());
    timer->expires_after(tries.dial_timeout());
    timer->async_wait([weak = std::weak_ptr(server)](std::error_code error) {
        const auto suspect = error ? nullptr : weak.lock();
        if (suspect) suspect->suspect();
    });
    return timer;
}

/// `first`: how many bytes go behind it at once.
Message request_of(const Opening& opening, const Network& network, const std::string& topic,
                   bool e2e, const Server& server, Connection& proxy, const std::string& refusing,
                   std::size_t first) {
    const StreamFraming* const framing = proxy.framing();
    Message message = InRequest{.magic = random_hex(kMagicDigits),
                                .version = std::string(kVersion),
                                .topic = topic,
                                .ext = true,
                                .id = opening.id(),
                                .client = opening.client(),
                                .e2e = e2e,
                                .tried = refusing};
    auto& request = std::get<InRequest>(message);
    // With a session from end to end that is agreed in its handshake.
    if (network.config.compression != Compression::off && !e2e) {
        request.zstd = static_cast<unsigned>(first);
    }
    if (framing != nullptr) {
        request.use = framing->uses() + 1;
    } else if (server.may_take_frames() || proxy.stays_framed() || proxy.is_websocket()) {
        request.early = static_cast<unsigned>(first);
        request.framed = proxy.stays_framed();
    }
    server.proxy_link().prove(message, proxy, framing != nullptr ? framing->nonce : std::string());
    return message;
}

/// The stream is open: it is compressed from here on if its out has agreed to that.
void begin_compression(Connection& proxy, const Network& network, const InRequest& request,
                       const Response& response) {
    if (response.zstd) {
        proxy.compress();
        proxy.compressed()->begin_sending(*request.zstd);
        proxy.receive_compressed();
    }
    if (network.config.compression == Compression::off || proxy.compressed() != nullptr ||
        network.uncompressed->exchange(true)) {
        return;
    }
    log::info("not compressed",
              {{"topic", request.topic},
               {"reason", "out does not want it, or out or the proxy does not know it"}});
}

/// The proxy's connection of a stream that has ended, for the next client.
void give_back(std::shared_ptr<SparePool> spares, ConnectionPtr proxy) {
    settle(std::move(proxy), Wanted::yes, [spares = std::move(spares)](ConnectionPtr connection) {
        const bool worn_out = connection->framing()->is_worn_out(Clock::now());
        spares->give_back(std::move(connection), worn_out);
    });
}

/// What an exit says to the client's request before the stream begins, which is not the client's.
/// Nothing: it goes there. What is left of the request follows meanwhile.
Task<std::optional<ForwardFailure>> hear_exit(Connection& proxy, EarlyData& early) {
    early.pass_to(proxy);
    std::error_code error;
    while (!error) {
        const std::size_t wanted = socks5_answer_bytes(proxy.unread());
        if (proxy.unread().size() >= wanted) break;
        error = co_await proxy.read_ahead(wanted);
    }
    early.pause();
    if (proxy.has_expired()) co_return ForwardFailure::timeout;
    if (error) co_return ForwardFailure::general;
    const std::string_view answers = proxy.unread().substr(0, socks5_answer_bytes(proxy.unread()));
    const auto failure = socks5_answer_failure(answers);
    proxy.take(answers.size());
    co_return failure;
}

/// For the log, of what an exit has said to the client's request.
Reason reason_of(ForwardFailure failure) {
    switch (failure) {
        case ForwardFailure::not_allowed: return {Code::denied, "the exit does not go there"};
        case ForwardFailure::unresolved:
            return {Code::backend_unresolved, "the exit knows no such name"};
        case ForwardFailure::unreachable:
            return {Code::backend_timeout, "the exit has no way there"};
        case ForwardFailure::refused:
            return {Code::backend_refused, "nobody is there, says the exit"};
        case ForwardFailure::timeout:
            return {Code::backend_timeout, "no answer from there, or from the exit"};
        default: return {Code::unknown, "no SOCKS5 server that takes everybody is at the topic"};
    }
}

/// To a client whose protocol can say it.
Task<> tell(Connection& client, const Entrance& entrance, ForwardFailure failure,
            ClientPlaces& places) {
    std::string words = forward_failure(entrance.protocol, failure);
    Task<> last = say_last(client, std::move(words), places);
    co_await std::move(last);
}

/// The stream is open: what both sides say before it begins. False: it does not.
Task<bool> begin_stream(Connection& client, Connection& proxy, EarlyData& early, Opening& opening,
                        const Entrance& entrance, Clock::time_point until, ClientPlaces& places) {
    client.on_reset([&proxy] { proxy.close(); });
    if (entrance.asks_exit) {
        Deadline deadline(proxy);
        deadline.expires_at(until);
        const auto failure = co_await hear_exit(proxy, early);
        if (failure) {
            opening.failed(client.was_reset() ? client_gone() : reason_of(*failure));
            proxy.close();
            co_await tell(client, entrance, *failure, places);
            co_return false;
        }
    }
    const auto error = co_await client.write_all(entrance.success);
    client.on_reset({});
    if (entrance.single != nullptr) entrance.single->begin_answer();
    if (!error) co_return true;
    opening.failed(client_gone());
    co_return false;
}

}  // namespace

Task<> client_session(Worker& worker, std::shared_ptr<const Network> shared, ConnectionPtr client,
                      ClientPlaces places, std::unique_ptr<const Entrance> entrance) {
    const Network& network = *shared;
    const std::string& topic = entrance ? entrance->topic : network.config.topic;
    const TlsPsk* const e2e = entrance ? entrance->e2e.get() : network.e2e.get();
    // Where it has no address (in/stdio) the proxy tells its own, as it sees that.
    Opening opening(worker.relays(), *client, {}, topic,
                    client->has_peer() ? client->peer() : std::string(),
                    entrance ? client->source() : std::string());
    const auto open_until = Clock::now() + network.all->open_timeout;
    ErrorWatch client_watch(*client);
    EarlyData early(worker.relays(), *client);

    ServerTries tries(network, places);
    std::shared_ptr<SparePool> spares = places.server->spares(worker);
    Leg leg = spare_leg(*spares, tries);
    ForwardFailure last_word = ForwardFailure::general;
    /// On to another server. False: the open has failed.
    const auto go_on = [&](const Reason& reason, bool may) {
        if (!may || Clock::now() >= open_until || !tries.next(reason)) {
            opening.goes_to({"server", tries.where().name()}, tries.count());
            opening.failed(tries.why(reason));
            last_word = forward_failure_of(tries.why(reason).code);
            return false;
        }
        spares = places.server->spares(worker);
        leg = spare_leg(*spares, tries);
        return true;
    };
    bool is_open = false;
    while (true) {
        Server& server = *places.server;
        if (!leg.connection) {
            auto dialled =
                co_await dial_proxy(worker, network, topic, tries, open_until, *client, places);
            if (!dialled) {
                if (go_on(dialled.error(), is_of_its_server(dialled.error()))) continue;
                break;
            }
            leg = std::move(*dialled);
        }
        Connection& proxy = *leg.connection;
        client->on_reset([&proxy] { proxy.close(); });
        Deadline deadline(proxy);
        deadline.expires_at(open_until);
        const auto patience = begin_patience(worker, network, places.server, tries);
        Asking asking{proxy, server.proxy_link().server(), early, {}, {}, leg.holds};
        if (e2e != nullptr) asking.e2e = std::make_unique<TlsSession>(e2e->session());
        if (e2e != nullptr || !leg.holds) asking.first = first_bytes(early, asking.e2e.get());
        const Message request = request_of(opening, network, topic, e2e != nullptr, server, proxy,
                                           tries.refusing(), asking.first.size());
        const auto asked = Clock::now();
        const auto response = co_await ask(std::move(asking), request);
        client->on_reset({});

        const Attempt attempt = judge(response ? nullptr : &response.error(),
                                      {.spare = leg.spare,
                                       .client_reset = client->was_reset(),
                                       .has_taken = early.has_taken(),
                                       .has_passed = early.has_passed(),
                                       .timed_out = proxy.has_expired()},
                                      server.proxy_link().server());
        if (attempt.verdict == Attempt::Verdict::open) {
            server.reached();
            server.opened_in(Clock::now() - asked);
            if (std::get<InRequest>(request).early) server.took_frames(response->reuse);
            spares->learn(proxy, *response);
            warn_if_unframed(proxy, *server.name(), topic);
            begin_compression(proxy, network, std::get<InRequest>(request), *response);
            is_open = true;
            break;
        }
        // The others are hardly better.
        if (leg.spare && attempt.was_unanswered()) spares->drop_all();
        if (attempt.verdict == Attempt::Verdict::fresh && early.begin_again()) {
            log::debug("dead spare connection",
                       {{"id", opening.id()}, {"reason", attempt.reason.detail}});
            leg = {};
            continue;
        }
        if (attempt.elsewhere && !response.error().out.empty() && Clock::now() < open_until &&
            early.begin_again() && tries.again(attempt.reason, response.error().out)) {
            leg = spare_leg(*spares, tries);
            continue;
        }
        if (attempt.was_unanswered() || attempt.is_of_the_proxy()) server.lost();
        if (patience && proxy.has_expired()) server.suspect();
        if (!go_on(attempt.reason, attempt.elsewhere && early.begin_again())) break;
    }
    if (!is_open) {
        leg = {};
        if (entrance) co_await tell(*client, *entrance, last_word, places);
        co_return;
    }
    if (entrance) {
        const bool begun = co_await begin_stream(*client, *leg.connection, early, opening,
                                                 *entrance, open_until, places);
        if (!begun) co_return;
    }
    Pump up = early.take_pump();
    client_watch.stop();
    opening.goes_to({"server", places.server->name()}, tries.count());
    places.server.reset();  // it goes with its network, though streams may last
    StreamEntry entry = opening.finish("client", "proxy");
    if (const StreamFraming* framing = leg.connection->framing()) entry.use = framing->uses();
    worker.relays().start({.client_side = std::move(client),
                           .service_side = std::move(leg.connection),
                           .entry = std::move(entry),
                           .up = std::move(up),
                           .limits = limits_of(network.rates),
                           .on_end = [places = std::move(places),
                                      spares = std::move(spares)](EndedStream ended) mutable {
                               // What is given back needs one of the descriptors that are free now.
                               { const ClientPlaces over = std::move(places); }
                               if (ended.service.verdict == LegVerdict::reusable) {
                                   give_back(std::move(spares),
                                             std::move(ended.service.connection));
                               }
                           }});
}

}  // namespace inout::in
