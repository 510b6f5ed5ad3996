#include "in/client_session.hpp"

#include "common/app/opening.hpp"
#include "common/net/connect.hpp"
#include "common/net/deadline.hpp"
#include "common/net/early_data.hpp"
#include "common/net/frame_io.hpp"

namespace inout {
namespace {

/// One line per five seconds for all streams that can not reach a proxy; each has its own
/// open_failed line as well.
log::RateLimit proxy_warnings;

void warn_proxy_unreachable(const InNetwork& network, const std::string& reason) {
    const auto held_back = proxy_warnings.pass();
    if (held_back < 0) return;
    log::warning("proxy unreachable", {{"server", to_string(network.server)},
                                       {"topic", network.topic},
                                       {"reason", reason},
                                       {"held_back", held_back}});
}

/// The request is on its way, the client's bytes follow it, and the proxy's answer is here.
Task<Result<Response, std::string>> ask_proxy(Connection& proxy, Message request,
                                              EarlyData& early) {
    std::string frame = encode(request);
    early.append_to(frame);
    const auto write_error = co_await proxy.write_all(frame);
    frame = {};  // the answer may take long
    if (!write_error) early.pass_to(proxy);
    auto answer = co_await read_message(proxy, kFrameBodyMaxBytes);
    early.pause();
    if (!answer) {
        co_return Failure{write_error ? write_error.message() : to_string(answer.error())};
    }
    auto* response = std::get_if<Response>(&*answer);
    if (response == nullptr || !response->answers("InRequest")) {
        co_return Failure{std::string("not an answer to the request")};
    }
    // The kernel told of the error only once: a relay would take the end behind it for a clean one.
    if (write_error && response->ok()) co_return Failure{write_error.message()};
    co_return std::move(*response);
}

}  // namespace

Task<> client_session(Worker& worker, const InConfig& config, const InNetwork& network,
                      WarmPool& warm, Connection client) {
    Opening opening({}, network.topic, client.peer());
    const auto open_until = Clock::now() + config.open_timeout;
    ErrorWatch client_watch(client);
    EarlyData early(worker.relays(), client, client_watch);

    std::optional<Connection> proxy = warm.take();
    for (bool spare = proxy.has_value();; spare = false) {
        if (!proxy) {
            const auto left = std::chrono::ceil<Milliseconds>(open_until - Clock::now());
            const Milliseconds timeout = std::min(config.connect_timeout, left);
            auto dialled =
                co_await dial(worker.executor(), network.server, DialOrder::racing, timeout);
            if (!dialled) {
                warn_proxy_unreachable(network, dialled.error().detail);
                opening.failed("proxy_unreachable", dialled.error().detail);
                co_return;
            }
            proxy.emplace(std::move(*dialled));
        }
        // A spare whose path has vanished is found as soon as a dial would find it.
        if (spare) proxy->give_up_after(config.connect_timeout);
        client_watch.closes(&*proxy);
        Deadline deadline(*proxy);
        deadline.expires_at(open_until);
        Message request = InRequest{.magic = random_hex(kMagicDigits),
                                    .version = std::string(kVersion),
                                    .topic = network.topic,
                                    .ext = true,
                                    .id = opening.id(),
                                    .client = opening.client()};
        const auto response = co_await ask_proxy(*proxy, std::move(request), early);
        client_watch.closes(nullptr);
        if (client_watch.fired() && !early.has_taken()) {
            opening.failed("client_gone", "the client reset its connection");
            co_return;
        }
        if (deadline.expired()) {
            opening.failed(to_string(Code::open_timeout), "no answer from the proxy in time");
            co_return;
        }
        if (response && !response->ok()) {
            opening.failed(to_string(response->code), response->message);
            co_return;
        }
        if (response) {
            if (spare) proxy->give_up_after(Milliseconds{0});
            warm.learn(*proxy, *response);
            break;
        }
        if (spare) warm.drop_all();  // the others are hardly better
        if (!spare || early.has_taken()) {
            opening.failed("proxy_unreachable",
                           to_string(network.server) + ": " + response.error());
            co_return;
        }
        // It died unnoticed, and nothing of the client went into it: a fresh one.
        log::debug("dead spare connection", {{"id", opening.id()}, {"reason", response.error()}});
        proxy.reset();
    }
    Pump up = early.take_pump();
    client_watch.stop();
    worker.relays().start(std::move(client), std::move(*proxy), opening.finish("client", "proxy"),
                          std::move(up));
}

}  // namespace inout
