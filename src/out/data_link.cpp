#include "out/data_link.hpp"

#include "common/app/opening.hpp"
#include "common/net/connect.hpp"
#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"

namespace inout {
namespace {

log::RateLimit other_proxy_warnings{Milliseconds{60'000}};

void say_not_parked(const Registration& registration, const std::string& reason) {
    log::debug("not parked", {{"topic", registration.network.topic},
                              {"server", to_string(registration.network.server)},
                              {"reason", reason}});
}

/// A balancer in front of several proxies sends control and data connections to different ones;
/// then no stream can ever be opened.
void check_same_proxy(const Registration& registration, const Response& response) {
    if (response.proxy.empty() || response.proxy == registration.proxy_id) return;
    if (other_proxy_warnings.pass() < 0) return;
    log::warning("another proxy answered",
                 {{"server", to_string(registration.network.server)},
                  {"topic", registration.network.topic},
                  {"reason", "a balancer between out and several proxies? "
                             "out must reach each proxy directly"}});
}

/// Says why the park was refused, if it was.
bool accepted(const Registration& registration, const Response& response) {
    check_same_proxy(registration, response);
    if (!response.ok()) say_not_parked(registration, response.message);
    return response.ok();
}

/// Registers and parks `proxy`, then waits for a stream. Nothing: the link is over.
Task<std::optional<DataActiveRequest>> park(Connection& proxy, Registration& registration) {
    Deadline deadline(proxy);
    deadline.expires_after(registration.config.open_timeout);
    OutDataRequest request{.magic = random_hex(kMagicDigits),
                           .version = std::string(kVersion),
                           .topic = registration.network.topic,
                           .ext = true,
                           .ticket = registration.ticket};
    const Message message = std::move(request);
    if (co_await write_message(proxy, message)) co_return std::nullopt;

    // The original's proxy parks before it answers: its DataActiveRequest may come first, but may
    // only be answered after the Response has come (docs/protocol.md, "Park").
    bool parked = false;
    std::optional<DataActiveRequest> active;
    while (!parked || !active) {
        auto received = co_await read_message(proxy, kFrameBodyMaxBytes);
        if (!received) {
            if (!parked) say_not_parked(registration, to_string(received.error()));
            co_return std::nullopt;
        }
        if (const auto* response = std::get_if<Response>(&*received); response && !parked) {
            if (!accepted(registration, *response)) co_return std::nullopt;
            parked = true;
            deadline.cancel();  // from here TCP keepalive watches
        } else if (auto* stream = std::get_if<DataActiveRequest>(&*received); stream && !active) {
            active = std::move(*stream);
        } else {
            say_not_parked(registration, "unexpected message");
            co_return std::nullopt;
        }
    }
    co_return active;
}

Task<> refuse(Connection proxy, std::string magic, Code code, std::string text) {
    const Message answer = Response{.magic = std::move(magic),
                                    .request = "DataActiveRequest",
                                    .message = std::move(text),
                                    .ext = true,
                                    .code = code};
    Deadline deadline(proxy);
    deadline.expires_after(kFarewell);
    const auto error = co_await write_message(proxy, answer);
    deadline.cancel();
    if (!error) co_await say_farewell(std::move(proxy));
}

/// Dials the backend for this stream and starts its relay.
Task<> open_stream(Worker& worker, std::shared_ptr<Registration> registration, Connection proxy,
                   DataActiveRequest active) {
    Opening opening(active.id, registration->network.topic, active.client);
    if (registration->draining) {
        opening.failed(to_string(Code::draining), "this out is ending");
        co_await refuse(std::move(proxy), active.magic, Code::draining, "out is ending");
        co_return;
    }
    auto backend = co_await dial(worker.executor(), registration->network.backend,
                                 DialOrder::in_turn, registration->config.open_timeout);
    if (!backend) {
        const DialError error = backend.error();
        const std::string detail =
            "backend " + to_string(registration->network.backend) + ": " + error.detail;
        opening.failed(to_string(error.code), detail);
        co_await refuse(std::move(proxy), active.magic, error.code, detail);
        co_return;
    }
    const Message answer = Response{.magic = active.magic,
                                    .request = "DataActiveRequest",
                                    .ext = true};
    if (const auto error = co_await write_message(proxy, answer)) {
        opening.failed("proxy_gone", error.message());
        co_return;
    }
    worker.relays().start(std::move(proxy), std::move(*backend),
                          opening.finish("proxy", "backend"));
}

}  // namespace

Task<> data_link(Worker& worker, std::shared_ptr<Registration> registration) {
    const auto link = registration->add(worker.executor());
    if (!link) co_return;
    auto dialled = co_await dial(worker.executor(), registration->network.server,
                                 DialOrder::racing, registration->config.connect_timeout);
    if (!dialled) {
        say_not_parked(*registration, dialled.error().detail);
        registration->remove(link);
        co_return;
    }
    Connection proxy = std::move(*dialled);
    link->connection = &proxy;
    auto active = co_await park(proxy, *registration);
    link->connection = nullptr;
    registration->remove(link);
    if (!active) co_return;
    co_await open_stream(worker, std::move(registration), std::move(proxy), std::move(*active));
}

}  // namespace inout
