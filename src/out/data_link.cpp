#include "out/data_link.hpp"

#include "common/net/deadline.hpp"
#include "common/net/dial.hpp"
#include "common/net/frame_io.hpp"
#include "common/net/settle.hpp"
#include "common/open/opening.hpp"
#include "out/backend_dial.hpp"
#include "out/exit.hpp"
#include "out/forward_exit.hpp"
#include "out/stream_answer.hpp"

namespace inout::out {
namespace {

constexpr const char* kNoDescriptors = "out has no file descriptors left for this proxy's streams";

void say_not_parked(const Registration& registration, const std::string& reason) {
    log::debug(
        "not parked",
        {{"topic", registration.topic}, {"server", registration.server}, {"reason", reason}});
}

void say_broken(const Registration& registration, const std::string& reason) {
    log::limited(
        log::Level::error, log::Kind::failure, "protocol error", registration.topic,
        {{"topic", registration.topic}, {"server", registration.server}, {"reason", reason}});
}

/// A balancer in front of several proxies sends control and data connections to different ones;
/// then no stream can ever be opened, unless they are a cluster, which passes data connections on.
void check_same_proxy(const Registration& registration, const Response& response) {
    const bool names_its_proxy = registration.ticket.size() > kTicketDigits;
    if (names_its_proxy || response.proxy.empty() || response.proxy == registration.proxy_id) {
        return;
    }
    log::limited(log::Level::warning, log::Kind::retry, "another proxy answered",
                 registration.topic,
                 {{"server", registration.server},
                  {"topic", registration.topic},
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
    deadline.expires_after(registration.current.get()->times.open_timeout);
    OutDataRequest request{.magic = random_hex(kMagicDigits),
                           .version = std::string(kVersion),
                           .topic = registration.topic,
                           .ext = true,
                           .ticket = registration.ticket,
                           .quiet = registration.quiet,
                           .reuse = true,
                           .framed = proxy.stays_framed()};
    Message message = std::move(request);
    registration.made_for->proxy_link->prove(message, proxy);
    const auto write_error = co_await write_message(proxy, message);

    // The original's proxy parks before it answers: its DataActiveRequest may come first, but may
    // only be answered after the Response has come (docs/protocol.md, "Park").
    // A proxy that parks quietly answers only to refuse.
    bool accepted = registration.quiet, answered = false;
    const Use use = registration.retry ? Use::on_request : Use::once;
    if (accepted) {
        deadline.cancel();
        registration.data_links().park(link, use, Clock::now());
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
            registration.data_links().park(link, use, Clock::now());
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

/// Why a stream can not be opened, before anything is dialled; nothing if it can.
std::optional<Reason> objection(const Registration& registration, const Network& network,
                                const DataActiveRequest& active) {
    if (registration.draining) return Reason{Code::draining, "out is ending"};
    // Its client would get another topic's backend.
    if (!serves(network, topic_of(network, active))) {
        return Reason{Code::no_topic, "out does not serve topic " + active.topic};
    }
    if (network.backends->are_all_down()) {
        return Reason{Code::unready, "no backend of this topic works"};
    }
    if (const auto& made = network.config.backend_template) {
        const auto backend = made->backend_of(topic_of(network, active));
        if (!backend)
            return Reason{Code::denied, "no backend can be made of it: " + backend.error()};
    }
    const bool has_key = network.e2e != nullptr;
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
    Listed(const Registration& registration, std::shared_ptr<DataLinks::Link> link)
        : links_(registration.made_for->links), link_(std::move(link)) {}
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { links_->remove(link_); }

  private:
    std::shared_ptr<DataLinks> links_;
    std::shared_ptr<DataLinks::Link> link_;
};

void go_on(Worker& worker, std::shared_ptr<Registration> registration,
           std::shared_ptr<DataLinks::Link> link, ConnectionPtr proxy);

/// Why none was reached.
Reason why_not(const Reached& reached) {
    if (!reached.error) return {Code::unready, "no backend of this topic works"};
    return {code_of(reached.error->kind),
            "backend " + reached.use.backend()->name + ": " + reached.error->detail};
}

/// Both sides are there.
void start_relay(Worker& worker, const Network& network, StreamOf stream,
                 std::shared_ptr<DataLinks::Link> link, ConnectionPtr proxy, ConnectionPtr backend,
                 StreamEntry entry, BackendUse use) {
    if (const StreamFraming* framing = proxy->framing()) entry.use = framing->uses();
    worker.relays().start({.client_side = std::move(proxy),
                           .service_side = std::move(backend),
                           .entry = std::move(entry),
                           .limits = limits_of(network.rates),
                           .on_end = [&worker, stream = std::move(stream), link = std::move(link),
                                      use = std::move(use)](EndedStream ended) mutable {
                               use = {};
                               if (ended.client.verdict != LegVerdict::reusable) return;
                               go_on(worker, stream.registration, std::move(link),
                                     std::move(ended.client.connection));
                           }});
}

/// A stream of an exit: it is open at once, and its first bytes say where it goes.
Task<> let_out(Worker& worker, StreamOf stream, std::shared_ptr<DataLinks::Link> link,
               ConnectionPtr owned, std::optional<Opening>& opening,
               const DataActiveRequest& active, std::shared_ptr<const Network> network) {
    Connection& proxy = *owned;
    BackendUse use(network->backends->at(0));
    if (auto failure = co_await tell_it_is_there(proxy, *network, active)) {
        opening->failed(*failure);
        co_return;
    }
    Exited exited = co_await serve_client(proxy, network);
    if (exited.destination) opening->goes_to({"backend", exited.destination}, 1);
    if (!exited.connection) {
        opening->failed(exited.reason);
        opening.reset();  // the farewell is no part of it
        if (exited.was_told) co_await say_farewell(proxy);
        co_return;
    }
    start_relay(worker, *network, std::move(stream), std::move(link), std::move(owned),
                std::move(exited.connection), opening->finish("proxy", "backend"), std::move(use));
}

/// Dials the backend for this stream and starts its relay. With end-to-end encryption the result
/// goes to in through that, where the proxy can not read or change it.
Task<> open_stream(Worker& worker, std::shared_ptr<Registration> registration,
                   std::shared_ptr<DataLinks::Link> link, ConnectionPtr owned,
                   DataActiveRequest active) {
    Connection& proxy = *owned;
    StreamOf stream(registration);
    // Another one may become current meanwhile, which is for the streams after this one.
    const std::shared_ptr<const Network> snapshot = registration->current.get();
    const Network& network = *snapshot;
    const std::string_view asked = topic_of(network, active);
    std::optional<Opening> opening(
        std::in_place, worker.relays(), proxy, active.id,
        serves(network, asked) ? std::string(asked) : network.config.topic, active.client);
    if (!take_framing(proxy, active)) {
        say_broken(*registration, "a request for a stream out of turn");
        opening->failed(Code::malformed, "a request out of turn");
        co_return;
    }
    warn_if_unframed(proxy, registration->server, registration->topic);
    if (auto reason = objection(*registration, network, active)) {
        co_await give_up(opening, proxy, active, std::move(*reason));
        co_return;
    }
    if (network.e2e) {
        if (const auto failure = co_await meet_in(proxy, network, active)) {
            opening->failed(*failure);
            opening.reset();
            co_await say_farewell(proxy);  // so that the alert arrives, for in's log
            co_return;
        }
    }
    if (!registration->data_links().add_backend(*link)) {
        Reason reason{Code::limit, kNoDescriptors};
        co_await give_up(opening, proxy, active, std::move(reason));
        co_return;
    }
    if (network.config.exit) {
        co_await let_out(worker, std::move(stream), std::move(link), std::move(owned), opening,
                         active, snapshot);
        co_return;
    }
    Reached reached;
    if (network.config.backend_template) {
        reached = co_await dial_made_of(worker.executor(), snapshot, std::string(asked));
    } else if (Backends& backends = *network.backends; backends.size() > 1) {
        reached =
            co_await dial_one_of(worker.executor(), network.backends,
                                 std::string(source_of(active.client)), network.times.open_timeout);
    } else {
        reached.use = BackendUse(backends.at(0));
        reached.tries = 1;
        auto dialled =
            co_await dial(worker.executor(), backends.at(0)->address, network.times.open_timeout);
        reached.take(std::move(dialled));
    }
    if (const auto& backend = reached.use.backend()) {
        opening->goes_to({"backend", {backend, &backend->name}}, reached.tries);
    }
    if (!reached.connection) {
        co_await give_up(opening, proxy, active, why_not(reached));
        co_return;
    }
    if (network.tells_clients()) {
        const std::string header =
            proxy_header(network.config.proxy_protocol, active.source, *reached.connection);
        // A fresh connection's buffer takes it at once. One that has ended by now does so for its
        // stream as well.
        co_await reached.connection->write_all(header);
    }
    if (auto failure = co_await tell_it_is_there(proxy, network, active)) {
        opening->failed(*failure);
        co_return;
    }
    start_relay(worker, network, std::move(stream), std::move(link), std::move(owned),
                std::move(reached.connection), opening->finish("proxy", "backend"),
                std::move(reached.use));
}

/// Waits for a stream on a connection that has carried others, and opens that.
Task<> next_stream(Worker& worker, std::shared_ptr<Registration> registration,
                   std::shared_ptr<DataLinks::Link> link, ConnectionPtr proxy,
                   [[maybe_unused]] std::unique_ptr<Listed> listed) {
    DataLinks& links = registration->data_links();
    ConnectionPtr lent = lend(proxy);
    if (!links.begin(link, lent)) {
        close_idle(*proxy, Use::on_request);
        co_return;
    }
    links.park(link, Use::on_request, Clock::now());
    proxy->keep_alive();
    auto received = co_await read_message(*proxy, kFrameBodyMaxBytes);
    listed.reset();
    lent.reset();  // what becomes a stream is not closed from there
    auto* const active = received ? std::get_if<DataActiveRequest>(&*received) : nullptr;
    if (active == nullptr) {
        if (!received && !received.error().is_garbage()) co_return;  // parked, it may end
        say_broken(*registration, "no request for a stream");
        co_return;
    }
    co_await open_stream(worker, std::move(registration), std::move(link), std::move(proxy),
                         std::move(*active));
}

/// The proxy may use the connection of a stream that has ended once more, if we want that.
void go_on(Worker& worker, std::shared_ptr<Registration> registration,
           std::shared_ptr<DataLinks::Link> link, ConnectionPtr proxy) {
    std::unique_ptr<Listed> listed;
    if (registration->data_links().put_back(link)) {
        listed = std::make_unique<Listed>(*registration, link);
    }
    const Wanted wanted = listed ? Wanted::yes : Wanted::no;
    settle(std::move(proxy), wanted,
           [&worker, registration = std::move(registration), link = std::move(link),
            listed = std::move(listed)](ConnectionPtr parked) mutable {
               spawn(worker.executor(), "data link",
                     next_stream(worker, std::move(registration), std::move(link),
                                 std::move(parked), std::move(listed)));
           });
}

}  // namespace

Task<> data_link(Worker& worker, std::shared_ptr<Registration> registration,
                 std::shared_ptr<DataLinks::Link> link, DialFor what) {
    DataLinks& links = registration->data_links();
    std::optional<Listed> listed(std::in_place, *registration, link);
    // Two writers on one connection can garble the original's proxy: then another connection takes
    // its place, because the proxy does not know that this one is lost.
    for (unsigned attempt = 0; attempt < kParkAttempts; ++attempt) {
        if (!links.begin(link)) break;
        const Milliseconds timeout = registration->current.get()->times.connect_timeout;
        // The proxy asks again after kRequestExpiry at the latest.
        auto dialled = co_await registration->made_for->proxy_link->dial(worker.executor(), timeout,
                                                                         what, kRequestExpiry);
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
        listed.reset();  // its stream may end, and it be listed again, before this does
        if (parked.active) {
            co_await open_stream(worker, registration, std::move(link), std::move(proxy),
                                 std::move(*parked.active));
        }
        co_return;
    }
}

}  // namespace inout::out
