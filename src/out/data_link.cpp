#include "out/data_link.hpp"

#include "common/net/deadline.hpp"
#include "common/net/dial.hpp"
#include "common/net/frame_io.hpp"
#include "common/open/end_to_end.hpp"
#include "common/open/opening.hpp"
#include "out/exit.hpp"

namespace inout::out {
namespace {

constexpr const char* kNoDescriptors = "out has no file descriptors left for this proxy's streams";

void say_not_parked(const Registration& registration, const std::string& reason) {
    log::debug("not parked", {{"topic", registration.network.config.topic},
                              {"server", to_string(registration.network.config.server)},
                              {"reason", reason}});
}

/// A balancer in front of several proxies sends control and data connections to different ones;
/// then no stream can ever be opened.
void check_same_proxy(const Registration& registration, const Response& response) {
    if (response.proxy.empty() || response.proxy == registration.proxy_id) return;
    log::limited(log::Level::warning, log::Kind::retry, "another proxy answered",
                 registration.network.config.topic,
                 {{"server", to_string(registration.network.config.server)},
                  {"topic", registration.network.config.topic},
                  {"reason",
                   "a balancer between out and several proxies? "
                   "out must reach each proxy directly"}});
}

/// How parking and the wait for a stream ended.
struct Parked {
    std::optional<DataActiveRequest> active;  ///< a stream is here
    bool garbled = false;                     ///< the proxy's bytes made no sense
};

/// Parks `proxy`, then waits for a stream.
Task<Parked> park(Connection& proxy, Registration& registration,
                  const std::shared_ptr<DataLinks::Link>& link) {
    Deadline deadline(proxy);
    deadline.expires_after(registration.network.all.open_timeout);
    OutDataRequest request{.magic = random_hex(kMagicDigits),
                           .version = std::string(kVersion),
                           .topic = registration.network.config.topic,
                           .ext = true,
                           .ticket = registration.ticket,
                           .quiet = registration.quiet};
    Message message = std::move(request);
    registration.network.proxy_link->prove(message, proxy);
    const auto write_error = co_await write_message(proxy, message);

    // The original's proxy parks before it answers: its DataActiveRequest may come first, but may
    // only be answered after the Response has come (docs/protocol.md, "Park").
    // A proxy that parks quietly answers only to refuse.
    bool accepted = registration.quiet, answered = false;
    if (accepted) {
        deadline.cancel();
        registration.network.links->park(link, Clock::now());
    }
    proxy.keep_alive();  // from here that watches, or dead links would fill the list
    MessageReader reader(proxy, kFrameBodyMaxBytes);
    Parked parked;
    while (!accepted || !parked.active) {
        auto received = co_await reader.next();
        if (!received) {
            if (!accepted || write_error) {
                say_not_parked(registration,
                               write_error ? write_error.message() : to_string(received.error()));
            }
            co_return Parked{.garbled = received.error().is_garbage()};
        }
        if (const auto* response = std::get_if<Response>(&*received);
            response && !answered && response->answers("OutDataRequest")) {
            answered = true;
            check_same_proxy(registration, *response);
            if (!response->ok()) {
                say_not_parked(registration, response->message);
                co_return Parked{};
            }
            accepted = true;
            deadline.cancel();
            registration.network.links->park(link, Clock::now());
        } else if (auto* active = std::get_if<DataActiveRequest>(&*received);
                   active && !parked.active) {
            parked.active = std::move(*active);
        } else {
            say_not_parked(registration, "unexpected message");
            co_return Parked{.garbled = true};
        }
    }
    if (!reader.is_idle()) co_return Parked{.garbled = true};
    co_return std::move(parked);
}

Response answer_to(const DataActiveRequest& active, Reason reason = {Code::none, {}}) {
    return Response{.magic = active.magic,
                    .request = "DataActiveRequest",
                    .message = std::move(reason.detail),
                    .ext = true,
                    .code = reason.code};
}

/// A stream that can not be opened: says so here and to whoever asked.
Task<> give_up(std::optional<Opening>& opening, Connection& proxy, const DataActiveRequest& active,
               Reason reason) {
    opening->failed(reason);
    opening.reset();  // the farewell is no part of it
    Response answer = answer_to(active, std::move(reason));
    co_await refuse(proxy, std::move(answer));
}

/// Why a stream can not be opened, before anything is dialled; nothing if it can.
std::optional<Reason> objection(const Registration& registration, const DataActiveRequest& active) {
    if (registration.draining) return Reason{Code::draining, "out is ending"};
    // Its client would get another topic's backend.
    if (backend_of(registration.network, topic_of(registration.network, active)) == nullptr) {
        return Reason{Code::no_topic, "out does not serve topic " + active.topic};
    }
    const bool has_key = registration.network.e2e != nullptr;
    // A 0.0.1 proxy does not pass on whether in has a key; then the handshake tells.
    if (has_key && active.ext && !active.e2e) {
        return Reason{Code::e2e, "out demands end-to-end encryption, which in does not have"};
    }
    if (!has_key && active.e2e) {
        return Reason{Code::e2e, "in demands end-to-end encryption, which out does not have"};
    }
    return std::nullopt;
}

/// Takes a link out of the list, however its coroutine ends.
class Listed {
  public:
    Listed(DataLinks& links, std::shared_ptr<DataLinks::Link> link)
        : links_(links), link_(std::move(link)) {}
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { links_.remove(link_); }

  private:
    DataLinks& links_;
    std::shared_ptr<DataLinks::Link> link_;
};

/// Tells the proxy that its part is done, then proves to in that we have its key, and it to us.
Task<std::optional<Reason>> meet_in(Connection& proxy, const Registration& registration,
                                    const DataActiveRequest& active) {
    Deadline deadline(proxy);
    deadline.expires_after(registration.network.all.open_timeout);
    const Message answer = answer_to(active);
    if (const auto error = co_await write_message(proxy, answer)) {
        co_return Reason{Code::proxy_gone, error.message()};
    }
    auto session = std::make_unique<TlsSession>(registration.network.e2e->session());
    auto failure = co_await meet(proxy, std::move(session), "in");
    co_return failure;
}

/// Dials the backend for this stream and starts its relay. With end-to-end encryption the result
/// goes to in through that, where the proxy can not read or change it.
Task<> open_stream(Worker& worker, std::shared_ptr<Registration> registration,
                   std::shared_ptr<DataLinks::Link> link, ConnectionPtr owned,
                   DataActiveRequest active) {
    Connection& proxy = *owned;
    const Network& network = registration->network;
    std::optional<Opening> opening(std::in_place, worker.relays(), proxy, active.id,
                                   network.config.topic, active.client);
    if (auto reason = objection(*registration, active)) {
        co_await give_up(opening, proxy, active, std::move(*reason));
        co_return;
    }
    if (network.e2e) {
        if (const auto failure = co_await meet_in(proxy, *registration, active)) {
            opening->failed(*failure);
            opening.reset();
            co_await say_farewell(proxy);  // so that the alert arrives, for in's log
            co_return;
        }
    }
    if (!network.links->add_backend(*link)) {
        Reason reason{Code::limit, kNoDescriptors};
        co_await give_up(opening, proxy, active, std::move(reason));
        co_return;
    }
    const HostPort& address = *backend_of(network, topic_of(network, active));
    auto backend =
        co_await dial(worker.executor(), address, DialOrder::in_turn, network.all.open_timeout);
    if (!backend) {
        Reason reason{code_of(backend.error().kind),
                      "backend " + to_string(address) + ": " + backend.error().detail};
        co_await give_up(opening, proxy, active, std::move(reason));
        co_return;
    }
    const Message answer = answer_to(active);
    Deadline deadline(proxy);  // a session may wait for its peer even to write
    if (proxy.tls() != nullptr) deadline.expires_after(network.all.open_timeout);
    if (const auto error = co_await write_message(proxy, answer)) {
        opening->failed(Code::proxy_gone, proxy.has_expired() ? "takes no bytes" : error.message());
        co_return;
    }
    deadline.cancel();
    worker.relays().start({.client_side = std::move(owned),
                           .service_side = std::move(*backend),
                           .entry = opening->finish("proxy", "backend"),
                           .on_end = [link = std::move(link)](const EndedStream&) {}});
}

}  // namespace

Task<> data_link(Worker& worker, std::shared_ptr<Registration> registration,
                 std::shared_ptr<DataLinks::Link> link, DialFor what) {
    DataLinks& links = *registration->network.links;
    const Listed listed(links, link);
    // Two writers on one connection can garble the original's proxy: then another connection takes
    // its place, because the proxy does not know that this one is lost.
    for (unsigned attempt = 0; attempt < kParkAttempts; ++attempt) {
        if (!links.begin(link)) break;
        const Network& network = registration->network;
        // The proxy asks again after kRequestExpiry at the latest.
        auto dialled = co_await network.proxy_link->dial(
            worker.executor(), network.all.connect_timeout, what, kRequestExpiry);
        if (!dialled) {
            say_not_parked(*registration, dialled.error().detail);
            break;
        }
        ConnectionPtr proxy = std::move(*dialled);
        ConnectionPtr lent = lend(proxy);
        if (!links.begin(link, lent)) break;
        Parked parked = co_await park(*proxy, *registration, link);
        lent.reset();  // what becomes a stream is not closed from there
        if (parked.garbled) continue;
        links.remove(link);
        if (parked.active) {
            co_await open_stream(worker, registration, std::move(link), std::move(proxy),
                                 std::move(*parked.active));
        }
        co_return;
    }
}

}  // namespace inout::out
