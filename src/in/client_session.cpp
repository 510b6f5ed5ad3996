#include "in/client_session.hpp"

#include "common/app/opening.hpp"
#include "common/net/connect.hpp"
#include "common/net/deadline.hpp"
#include "common/net/error_watch.hpp"
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

}  // namespace

Task<> client_session(Worker& worker, const InConfig& config, const InNetwork& network,
                      Connection client) {
    Opening opening({}, network.topic, client.peer());
    const auto open_until = Clock::now() + config.open_timeout;
    ErrorWatch client_watch(client);

    const Milliseconds dial_timeout = std::min(config.connect_timeout, config.open_timeout);
    auto dialled =
        co_await dial(worker.executor(), network.server, DialOrder::racing, dial_timeout);
    if (!dialled) {
        warn_proxy_unreachable(network, dialled.error().detail);
        opening.failed("proxy_unreachable", dialled.error().detail);
        co_return;
    }
    Connection proxy = std::move(*dialled);
    client_watch.closes(&proxy);
    Deadline deadline(proxy);
    deadline.expires_at(open_until);

    InRequest request{.magic = random_hex(kMagicDigits),
                      .version = std::string(kVersion),
                      .topic = network.topic,
                      .ext = true,
                      .id = opening.id(),
                      .client = opening.client()};
    const Message message = std::move(request);
    const auto write_error = co_await write_message(proxy, message);
    auto answer = co_await read_message(proxy, kFrameBodyMaxBytes);
    if (client_watch.fired()) {
        opening.failed("client_gone", "the client reset its connection");
        co_return;
    }
    if (!answer) {
        const auto reason = write_error ? write_error.message() : to_string(answer.error());
        if (deadline.expired()) {
            opening.failed(to_string(Code::open_timeout), "no answer from the proxy in time");
        } else {
            opening.failed("proxy_unreachable", to_string(network.server) + ": " + reason);
        }
        co_return;
    }
    const auto* response = std::get_if<Response>(&*answer);
    if (response == nullptr || !response->answers("InRequest")) {
        opening.failed(to_string(Code::malformed), "the proxy did not answer the request");
        co_return;
    }
    if (!response->ok()) {
        opening.failed(to_string(response->code), response->message);
        co_return;
    }
    deadline.cancel();
    client_watch.stop();
    worker.relays().start(std::move(client), std::move(proxy), opening.finish("client", "proxy"));
}

}  // namespace inout
