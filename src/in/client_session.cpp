#include "in/client_session.hpp"

#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"
#include "common/open/opening.hpp"
#include "common/open/proxy_words.hpp"
#include "common/relay/early_data.hpp"

namespace inout::in {
namespace {

/// For all streams that can not reach this proxy; each has its own open_failed line as well.
void warn_proxy_unreachable(const InNetwork& network, const std::string& reason) {
    const std::string server = to_string(network.server);
    log::limited(log::Level::warning, log::Kind::warning, "proxy unreachable", server,
                 {{"server", server}, {"topic", network.topic}, {"reason", reason}});
}

/// What one attempt sends and is told. With end-to-end encryption not the client's first bytes go
/// behind the request, but the beginning of the handshake with out.
struct Attempt {
    Connection& proxy;
    const HostPort& server;
    EarlyData& early;
    std::unique_ptr<TlsSession> e2e;  ///< nothing: not encrypted end to end
};

/// The request is on its way, early bytes follow it, and the proxy's answer is here.
Task<Result<Response, std::string>> ask_proxy(Attempt& attempt, const Message& request) {
    std::string frame = encode(request);
    if (attempt.e2e) {
        frame += attempt.e2e->first_flight();
    } else {
        attempt.early.append_to(frame);
    }
    const auto write_error = co_await attempt.proxy.write_all(frame);
    frame = {};  // the answer may take long
    // After a failed write too: what has come is read.
    if (!write_error && !attempt.e2e) attempt.early.pass_to(attempt.proxy);
    auto answer = co_await read_message(attempt.proxy, kFrameBodyMaxBytes);
    attempt.early.pause();
    if (!answer) {
        if (write_error) {
            co_return Failure{to_string(attempt.server) + ": " + write_error.message()};
        }
        co_return Failure{
            why_no_answer(answer.error(), attempt.server, attempt.proxy.tls() != nullptr)};
    }
    auto* response = std::get_if<Response>(&*answer);
    if (response == nullptr || !response->answers("InRequest")) {
        co_return Failure{to_string(attempt.server) + ": not an answer to the request"};
    }
    if (write_error && response->ok()) attempt.early.sink_was_lost(write_error);
    co_return std::move(*response);
}

/// The proxy has connected us to out: the handshake with out, then the client's bytes go on their
/// way while out dials its backend and says how that went. Nothing: the stream is open.
Task<std::optional<Reason>> meet_out(Attempt& attempt) {
    attempt.proxy.secure(std::move(attempt.e2e));
    if (const auto error = co_await attempt.proxy.handshake()) {
        const std::string detail =
            "end-to-end handshake with out: " + attempt.proxy.tls()->failure();
        if (error.category() != tls_category()) co_return Reason{Code::proxy_gone, detail};
        co_return Reason{Code::e2e, detail + " (is the key the same on both sides?)"};
    }
    attempt.early.pass_to(attempt.proxy);
    auto answer = co_await read_message(attempt.proxy, kFrameBodyMaxBytes);
    attempt.early.pause();
    if (!answer) co_return Reason{Code::proxy_gone, to_string(answer.error())};
    const auto* response = std::get_if<Response>(&*answer);
    if (response == nullptr) co_return Reason{Code::malformed, "not a status of out"};
    if (!response->ok()) co_return Reason{response->code, response->message};
    co_return std::nullopt;
}

/// Ends a fresh connection that nobody needs any more. A proxy that has shaken hands for nothing
/// would take us for a stranger, and after some of these refuse our whole site: it is told who we
/// are. One without TLS may be closed without a word. `places`: of its descriptor, until it is
/// closed.
Task<> leave(const Network& network, [[maybe_unused]] Budget::Places places,
             ConnectionPtr connection) {
    Connection& proxy = *connection;
    if (proxy.tls() == nullptr) co_return;
    Deadline deadline(proxy);
    deadline.expires_after(kFarewell);
    Message request =
        InWarmRequest{.magic = random_hex(kMagicDigits), .version = std::string(kVersion)};
    network.upstream->prove(request, proxy);
    const auto error = co_await write_message(proxy, request);
    deadline.cancel();
    if (!error) co_await say_farewell(proxy);
}

}  // namespace

Task<> client_session(Worker& worker, const InConfig& config, const Network& network,
                      ConnectionPtr client, ClientPlaces places) {
    Server& server = *network.server;
    WarmPool& warm = server.spares(worker);
    Opening opening({}, network.config.topic, client->peer());
    const auto open_until = Clock::now() + config.open_timeout;
    ErrorWatch client_watch(*client);
    EarlyData early(worker.relays(), *client, client_watch);

    ConnectionPtr proxy = warm.take();
    for (bool spare = proxy != nullptr;; spare = false) {
        if (!proxy) {
            const auto left = std::chrono::ceil<Milliseconds>(open_until - Clock::now());
            auto dialled = co_await network.upstream->dial(
                worker.executor(), config.connect_timeout, DialFor::stream, left, &client_watch);
            if (!dialled && dialled.error().code == Code::client_gone) {
                opening.failed(Code::client_gone, "the client reset its connection");
                co_return;
            }
            if (!dialled) {
                server.lost();
                warn_proxy_unreachable(network.config, dialled.error().detail);
                opening.failed(dialled.error());
                co_return;
            }
            if (client_watch.fired() && !early.has_taken()) {
                Task<> leaving = leave(network, std::move(places.descriptors), std::move(*dialled));
                spawn(worker.executor(), "leaving", std::move(leaving));
                opening.failed(Code::client_gone, "the client reset its connection");
                co_return;
            }
            proxy = std::move(*dialled);
        }
        // A spare whose path has vanished is found as soon as a dial would find it.
        if (spare) proxy->give_up_after(config.connect_timeout);
        client_watch.closes(&*proxy);
        Deadline deadline(*proxy);
        deadline.expires_at(open_until);
        Message request = InRequest{.magic = random_hex(kMagicDigits),
                                    .version = std::string(kVersion),
                                    .topic = network.config.topic,
                                    .ext = true,
                                    .id = opening.id(),
                                    .client = opening.client(),
                                    .e2e = network.e2e != nullptr};
        network.upstream->prove(request, *proxy);
        Attempt attempt{*proxy, network.config.server, early, nullptr};
        if (network.e2e) {
            attempt.e2e = std::make_unique<TlsSession>(network.e2e->session());
        }
        const auto response = co_await ask_proxy(attempt, request);
        std::optional<Reason> refusal;
        if (response && !response->ok()) refusal = Reason{response->code, response->message};
        if (response && response->ok() && network.e2e) refusal = co_await meet_out(attempt);
        client_watch.closes(nullptr);
        if (client_watch.fired() && !early.has_taken()) {
            opening.failed(Code::client_gone, "the client reset its connection");
            co_return;
        }
        if (deadline.expired()) {
            opening.failed(Code::open_timeout, "no answer from the proxy in time; is " +
                                                   to_string(network.config.server) +
                                                   " an inout proxy?");
            co_return;
        }
        if (refusal) {
            opening.failed(*refusal);
            co_return;
        }
        if (response) {
            server.reached();
            if (spare) proxy->give_up_after(Milliseconds{0});
            warm.learn(*proxy, *response);
            break;
        }
        if (spare) warm.drop_all();  // the others are hardly better
        if (!spare || early.has_taken()) {
            server.lost();
            opening.failed(Code::proxy_unreachable, response.error());
            co_return;
        }
        // It died unnoticed, and nothing of the client went into it: a fresh one.
        log::debug("dead spare connection", {{"id", opening.id()}, {"reason", response.error()}});
        proxy.reset();
    }
    Pump up = early.take_pump();
    client_watch.stop();
    auto keep = std::make_shared<ClientPlaces>(std::move(places));
    worker.relays().start(std::move(client), std::move(proxy),
                          opening.finish("client", "proxy", std::move(keep)), std::move(up));
}

}  // namespace inout::in
