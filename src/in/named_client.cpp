#include "in/named_client.hpp"

#include <optional>

#include "common/base/counters.hpp"
#include "common/base/log.hpp"
#include "common/net/deadline.hpp"
#include "common/net/local_address.hpp"
#include "common/wire/forward_answer.hpp"
#include "common/wire/forward_reader.hpp"
#include "in/client_session.hpp"
#include "in/last_words.hpp"
#include "in/proxy_script.hpp"
#include "in/single_request.hpp"
#include "in/told_client.hpp"

namespace inout::in {
namespace {

using Kind = TopicNames::Kind;

/// For all that a client says before its stream: as for a header of the PROXY protocol, with the
/// two round trips of SOCKS5.
constexpr Milliseconds kNameTime{10'000};

/// Where it has reached us; empty: at no port.
std::string own_place(const Connection& client) {
    const Endpoint own = own_endpoint(client.fd());
    return own.port() == 0 ? std::string() : to_string(own);
}

/// Until the request is there. False: the client has been told why not, or has left.
Task<bool> hear(const ConnectionPtr& owned, const Network& network, ForwardReader& reader,
                ClientPlaces& places) {
    Connection& client = *owned;
    std::optional<Unheard::Stay> stay(std::in_place, places.server->unheard(), owned);
    using State = ForwardReader::State;
    bool has_spoken = false;
    while (true) {
        const auto error = co_await client.read_ahead(1);
        if (error) {
            // Whoever looks whether we are here says nothing.
            if (stay->has_made_room()) {
                say_refused(client, network, kMadeRoom);
            } else if (has_spoken) {
                say_refused(client, network, "it has not said what it wants");
            }
            co_return false;
        }
        has_spoken = true;
        auto step = reader.feed(client.unread());
        client.take(step.taken);
        if (step.state == State::request) co_return true;
        if (step.state == State::more) continue;
        if (step.state == State::say) {
            const auto failed = co_await client.write_all(step.answer);
            if (failed) co_return false;
            continue;
        }
        stay.reset();
        say_refused(client, network, "speaks neither SOCKS nor HTTP as it should");
        Task<> last = say_last(client, std::move(step.answer), places);
        co_await std::move(last);
        co_return false;
    }
}

/// Of what comes from the client nothing goes on that is not of this request.
SingleRequest* limit_to(Connection& client, const ForwardRequest& request) {
    HttpContent content = request.content;
    const std::string own(client.unread().substr(0, content.take(client.unread())));
    client.take(client.unread().size());
    auto layer = std::make_unique<SingleRequest>(client.bytes(), content);
    SingleRequest* const single = layer.get();
    client.push(std::move(layer));
    client.put_back(own);
    return single;
}

Entrance entrance_for(const ForwardRequest& request, const Network& network, Kind kind,
                      std::string topic) {
    const bool to_exit = kind == Kind::outside;
    Entrance entrance{.topic = std::move(topic), .protocol = request.protocol};
    if (to_exit) entrance.first = socks5_request(request.target);
    entrance.asks_exit = to_exit;
    if (request.kind == ForwardRequest::Kind::absolute) {
        entrance.first += origin_request(request);
    } else {
        entrance.success = forward_success(request.protocol);
    }
    if (network.e2e) entrance.e2e = network.e2e->for_topic(entrance.topic);
    return entrance;
}

}  // namespace

Task<> named_client_session(Worker& worker, std::shared_ptr<const Network> shared,
                            ConnectionPtr client, ClientPlaces places) {
    const Network& network = *shared;
    const TopicNames& names = *network.config.names;
    Deadline deadline(*client);
    deadline.expires_after(kNameTime);
    ForwardReader reader(nullptr);
    const bool heard = co_await hear(client, network, reader, places);
    if (!heard) co_return;
    const ForwardRequest& request = reader.request();
    if (request.kind == ForwardRequest::Kind::path) {
        std::string page = answer_to_browser(request, names, own_place(*client));
        Task<> last = say_last(*client, std::move(page), places);
        co_await std::move(last);
        co_return;
    }
    auto meaning = names.meaning_of(request.target.host, request.target.port);
    const bool is_outside = meaning.kind == Kind::outside;
    if (is_outside) meaning.topic = names.exit;
    if (meaning.topic.empty()) {
        say_refused(
            *client, network,
            to_string(request.target) +
                (is_outside ? " is not named " + network.config.topic : " is none of names.allow"));
        std::string words = forward_failure(request.protocol, ForwardFailure::not_allowed);
        Task<> last = say_last(*client, std::move(words), places);
        co_await std::move(last);
        co_return;
    }
    auto made = std::make_unique<Entrance>(
        entrance_for(request, network, meaning.kind, std::move(meaning.topic)));
    if (request.kind == ForwardRequest::Kind::absolute) made->single = limit_to(*client, request);
    std::unique_ptr<const Entrance> entrance = std::move(made);
    deadline.cancel();
    client->put_back(entrance->first);
    Task<> session = client_session(worker, std::move(shared), std::move(client), std::move(places),
                                    std::move(entrance));
    co_await std::move(session);
}

}  // namespace inout::in
