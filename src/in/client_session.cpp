#include "in/client_session.hpp"

#include "common/net/deadline.hpp"
#include "common/net/error_watch.hpp"
#include "common/net/settle.hpp"
#include "common/open/ask.hpp"
#include "common/open/opening.hpp"
#include "in/attempt.hpp"
#include "in/introduction.hpp"

namespace inout::in {
namespace {

/// For all streams that can not reach this proxy; each has its own open_failed line as well.
void warn_proxy_unreachable(const InNetwork& network, const std::string& reason) {
    const std::string server = to_string(network.server);
    log::limited(log::Level::warning, log::Kind::warning, "proxy unreachable", server,
                 {{"server", server}, {"topic", network.topic}, {"reason", reason}});
}

/// A fresh connection for a client of whom nothing is under way; the failure is that of its stream.
Task<Result<ConnectionPtr, Reason>> dial_proxy(Worker& worker,
                                               const std::shared_ptr<const Network>& shared,
                                               Clock::time_point until, const Connection& client,
                                               ClientPlaces& places) {
    const Network& network = *shared;
    const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now());
    auto dialled = co_await network.server->proxy_link().dial(
        worker.executor(), network.all->connect_timeout, DialFor::stream, left, &client);
    if (!dialled) {
        if (dialled.error().code == Code::client_gone) co_return Failure{client_gone()};
        network.server->lost();
        warn_proxy_unreachable(network.config, dialled.error().detail);
    } else if (client.was_reset()) {
        Task<> leaving =
            leave(network.server->link(), std::move(places.descriptors), std::move(*dialled));
        spawn(worker.executor(), "leaving", std::move(leaving));
        co_return Failure{client_gone()};
    }
    co_return dialled;
}

/// `first`: how many bytes go behind it at once.
Message request_of(const Opening& opening, const Network& network, Connection& proxy,
                   std::size_t first) {
    const StreamFraming* const framing = proxy.framing();
    Message message = InRequest{.magic = random_hex(kMagicDigits),
                                .version = std::string(kVersion),
                                .topic = network.config.topic,
                                .ext = true,
                                .id = opening.id(),
                                .client = opening.client(),
                                .e2e = network.e2e != nullptr};
    auto& request = std::get<InRequest>(message);
    if (framing != nullptr) {
        request.use = framing->uses() + 1;
    } else if (network.server->may_take_frames()) {
        request.early = static_cast<unsigned>(first);
    }
    network.server->proxy_link().prove(message, proxy,
                                       framing != nullptr ? framing->nonce : std::string());
    return message;
}

bool was_just_used(const Connection& proxy) {
    const StreamFraming* const framing = proxy.framing();
    return framing != nullptr && Clock::now() - framing->idle_since() < kSpareTrusted;
}

/// The proxy's connection of a stream that has ended, for the next client.
void give_back(std::shared_ptr<SparePool> spares, ConnectionPtr proxy) {
    settle(std::move(proxy), Wanted::yes, [spares = std::move(spares)](ConnectionPtr connection) {
        const bool worn_out = connection->framing()->is_worn_out(Clock::now());
        spares->give_back(std::move(connection), worn_out);
    });
}

}  // namespace

Task<> client_session(Worker& worker, std::shared_ptr<const Network> shared, ConnectionPtr client,
                      ClientPlaces places) {
    const Network& network = *shared;
    Server& server = *network.server;
    std::shared_ptr<SparePool> spares = server.spares(worker);
    Opening opening(worker.relays(), *client, {}, network.config.topic, client->peer());
    const auto open_until = Clock::now() + network.all->open_timeout;
    ErrorWatch client_watch(*client);
    EarlyData early(worker.relays(), *client);

    ConnectionPtr proxy = spares->take();
    for (bool spare = proxy != nullptr;; spare = false) {
        if (!proxy) {
            auto dialled = co_await dial_proxy(worker, shared, open_until, *client, places);
            if (!dialled) {
                opening.failed(dialled.error());
                co_return;
            }
            proxy = std::move(*dialled);
        }
        // A spare whose path has vanished is found as soon as a dial would find it.
        const bool may_be_gone = spare && !was_just_used(*proxy);
        if (may_be_gone) proxy->give_up_after(network.all->connect_timeout);
        client->on_reset([&proxy] { proxy->close(); });
        Deadline deadline(*proxy);
        deadline.expires_at(open_until);
        Asking asking{*proxy, network.config.server, early};
        if (network.e2e) asking.e2e = std::make_unique<TlsSession>(network.e2e->session());
        asking.first = first_bytes(early, asking.e2e.get());
        const Message request = request_of(opening, network, *proxy, asking.first.size());
        const auto response = co_await ask(std::move(asking), request);
        client->on_reset({});

        const Attempt attempt = judge(response ? nullptr : &response.error(),
                                      {.spare = spare,
                                       .client_reset = client->was_reset(),
                                       .has_taken = early.has_taken(),
                                       .timed_out = proxy->has_expired()},
                                      network.config.server);
        if (attempt.verdict == Attempt::Verdict::open) {
            server.reached();
            if (std::get<InRequest>(request).early) server.took_frames(response->reuse);
            if (may_be_gone) proxy->give_up_after(Milliseconds{0});
            spares->learn(*proxy, *response);
            break;
        }
        if (spare && attempt.was_unanswered()) spares->drop_all();  // the others are hardly better
        if (attempt.verdict != Attempt::Verdict::fresh || !early.begin_again()) {
            if (attempt.was_unanswered()) server.lost();
            opening.failed(attempt.reason);
            co_return;
        }
        log::debug("dead spare connection",
                   {{"id", opening.id()}, {"reason", attempt.reason.detail}});
        proxy.reset();
    }
    Pump up = early.take_pump();
    client_watch.stop();
    StreamEntry entry = opening.finish("client", "proxy");
    if (const StreamFraming* framing = proxy->framing()) entry.use = framing->uses();
    worker.relays().start({.client_side = std::move(client),
                           .service_side = std::move(proxy),
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
