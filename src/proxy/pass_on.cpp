#include "proxy/pass_on.hpp"

#include "common/net/deadline.hpp"
#include "common/open/ask.hpp"
#include "proxy/passed_on.hpp"
#include "proxy/service.hpp"
#include "proxy/sessions.hpp"
#include "proxy/ticket.hpp"

namespace inout::proxy {
namespace {

constexpr std::string_view kNobody = "no registration for this data connection";

/// What it holds here for as long as it lives.
struct Held {
    std::unique_ptr<PassedOn::Place> place;
    std::unique_ptr<DescriptorBudget::Share> descriptors;
};

/// Code::none: there is room for it, and `held` has it.
Reason take_room(ProxyState& state, const Connection& out, Held& held) {
    if (state.draining) return {Code::draining, "proxy is ending"};
    held.place = state.passed_on.take();
    if (!held.place) return {Code::limit, "as many are passed on as may be"};
    const std::size_t in_use = descriptors_in_use();
    state.relieve(in_use);
    const auto verdict = state.budget.take(DescriptorBudget::Kind::stream, state.owner_of({}, out),
                                           kStreamDescriptors, in_use, held.descriptors);
    if (verdict == DescriptorBudget::Verdict::granted) return {Code::none, {}};
    held.place.reset();
    return {Code::limit, words(verdict)};
}

/// A connection to the proxy that has made the ticket.
Task<Result<ConnectionPtr, Reason>> reach_owner(ProxyState& state, Worker& worker,
                                                const Connection& out, std::string owner,
                                                std::shared_ptr<Cluster::Link>& link,
                                                Clock::time_point deadline) {
    Cluster& all = *state.cluster;
    const auto address =
        co_await all.engine().address_of(worker.executor(), std::move(owner), deadline);
    if (!address) {
        // Its registrations have gone with it, as far as one can see.
        const bool is_up = all.engine().is_up();
        co_return Failure{Reason{is_up ? Code::denied : Code::no_directory, std::string(kNobody)}};
    }
    auto found = all.link_to(*address);
    if (!found) co_return Failure{Reason{Code::denied, std::move(found.error())}};
    link = std::move(*found);
    const auto left = std::chrono::ceil<Milliseconds>(deadline - Clock::now());
    if (left <= Milliseconds{0}) co_return Failure{Reason{Code::denied, std::string(kNobody)}};
    auto dialled = co_await link->dial(worker, left, out);
    if (!dialled) co_return Failure{Reason{Code::denied, std::move(dialled.error().detail)}};
    co_return std::move(*dialled);
}

/// As the other proxy has to see it. It answers in any case: here that is waited for.
Message hop_request(const ProxyState& state, const OutDataRequest& request, const Connection& out) {
    OutDataRequest hop = request;
    hop.magic = random_hex(kMagicDigits);  // that of an out may be long, and is perhaps not unique
    hop.quiet = false;
    hop.hop = true;
    if (out.tls() != nullptr) hop.bind = to_hex(out.tls()->exporter());
    const auto certificate = state.settings()->gatekeeper.certificate_of(out);
    hop.origin = origin_of(certificate.value_or(Identity{}));
    return hop;
}

Response answer_to(const OutDataRequest& request, Reason reason) {
    return Response{.magic = request.magic,
                    .request = "OutDataRequest",
                    .message = std::move(reason.detail),
                    .ext = true,
                    .code = reason.code};
}

Task<> say_no(Connection& out, const OutDataRequest& request, std::string owner, Response answer) {
    counters().refused_total.add();
    log::debug("data connection refused", {{"topic", request.topic},
                                           {"out", out.peer()},
                                           {"owner", std::move(owner)},
                                           {"code", to_string(answer.code)},
                                           {"reason", answer.message}});
    co_await refuse(out, std::move(answer));
}

}  // namespace

bool belongs_elsewhere(const ProxyState& state, const OutDataRequest& request) {
    if (!state.cluster || request.hop) return false;
    const auto owner = owner_of(request.ticket);
    return owner && owner->proxy != state.proxy_id &&
           state.settings()->gatekeeper.may_be_of_cluster(request.ticket);
}

Task<> pass_on(ProxyState& state, Worker& worker, ConnectionPtr out, OutDataRequest request,
               Strangers::Stay& stay) {
    stay.has_spoken();
    const Clock::time_point deadline = Clock::now() + state.settings()->config.open_timeout;
    const auto ticket = owner_of(request.ticket);
    const std::string owner(ticket->proxy);
    auto held = std::make_unique<Held>();
    auto no_room = take_room(state, *out, *held);
    if (no_room.code != Code::none) {
        co_await say_no(*out, request, owner, answer_to(request, std::move(no_room)));
        co_return;
    }
    std::shared_ptr<Cluster::Link> link;
    auto reached = co_await reach_owner(state, worker, *out, owner, link, deadline);
    std::optional<Response> answer;
    if (reached) {
        Connection& proxy = **reached;
        Deadline limit(proxy);
        limit.expires_at(deadline);
        Message hop = hop_request(state, request, *out);
        link->proxy_link().prove(hop, proxy);
        const auto heard = co_await inout::exchange(proxy, hop);
        const Response* const response = heard.response_to("OutDataRequest");
        answer = response != nullptr
                     ? *response
                     : answer_to(request, {Code::denied, "the ticket's proxy did not answer"});
        answer->magic = request.magic;
        limit.cancel();
    } else {
        answer = answer_to(request, std::move(reached.error()));
    }
    if (!answer->ok()) {
        held.reset();  // the farewell is no part of it
        // Who shows a ticket with a MAC got it from a proxy; what has become of it there since, it
        // may not know.
        if (!ticket->has_mac && answer->code == Code::denied) stay.failed();
        co_await say_no(*out, request, owner, std::move(*answer));
        co_return;
    }
    stay.leave();
    if (!request.quiet) {
        const Message message = std::move(*answer);
        if (co_await write_message(*out, message)) co_return;
    }
    StreamEntry entry(request.topic, out->peer(), out->peer_endpoint());
    entry.client_side = "out";
    entry.service_side = "proxy";
    if (!held->place->begin(worker.relays(), entry.record())) co_return;
    log::debug("passing on",
               {{"topic", request.topic}, {"out", out->peer()}, {"proxy", *link->name()}});
    worker.relays().start({.client_side = std::move(out),
                           .service_side = std::move(*reached),
                           .entry = std::move(entry),
                           .on_end = [held = std::move(held)](const EndedStream&) {}});
}

}  // namespace inout::proxy
