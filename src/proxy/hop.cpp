// How a stream goes on to another proxy of the cluster, which has its topic.
#include "common/net/deadline.hpp"
#include "common/open/ask.hpp"
#include "common/open/introduction.hpp"
#include "proxy/cluster.hpp"
#include "proxy/hop_outcome.hpp"
#include "proxy/hop_patience.hpp"
#include "proxy/search.hpp"

namespace inout::proxy {
namespace {

/// Of all streams that meet it.
void warn_of(const std::string& proxy, const std::string& reason) {
    log::limited(log::Level::warning, log::Kind::warning, "proxy not used", proxy,
                 {{"proxy", proxy}, {"reason", reason}});
}

/// A try has failed, and another one follows.
void say_next(const Search& search, const std::string& proxy, const Reason& reason) {
    log::limited(log::Level::info, log::Kind::failure, "proxy refused", search.request.topic,
                 {{"id", search.opening.id()},
                  {"topic", search.request.topic},
                  {"proxy", proxy},
                  {"code", to_string(reason.code)},
                  {"detail", reason.detail}});
}

/// `first`: how many bytes go behind it at once.
Message hop_request(const Search& search, const Cluster::Link& link, Connection& proxy,
                    std::size_t first) {
    const StreamFraming* const framing = proxy.framing();
    std::string source = search.source();
    // Whatever else an in may have put there would not fit beside the rest.
    const bool is_address = SocketAddress::parse(search.opening.client()).has_value();
    Message message = InRequest{.magic = random_hex(kMagicDigits),
                                .version = std::string(kVersion),
                                .topic = search.request.topic,
                                .ext = true,
                                .id = search.opening.id(),
                                .client = is_address ? search.opening.client() : source,
                                .e2e = search.request.e2e,
                                .zstd = search.request.zstd,
                                .tried = search.request.tried,
                                .hop = true,
                                .origin = origin_of(search.standing.asker()),
                                .source = std::move(source)};
    auto& request = std::get<InRequest>(message);
    if (framing != nullptr) {
        request.use = framing->uses() + 1;
    } else if (link.may_take_frames()) {
        request.early = static_cast<unsigned>(first);
    }
    link.proxy_link().prove(message, proxy, framing != nullptr ? framing->nonce : std::string());
    return message;
}

/// Asks on this connection. What it is found to be, `spare` or not.
Task<HopOutcome> ask_proxy(Search& search, const std::shared_ptr<Cluster::Link>& shared_link,
                           ConnectionPtr owned, bool spare) {
    Cluster::Link& link = *shared_link;
    Connection& proxy = *owned;
    const std::shared_ptr<SparePool>& spares = link.spares(search.worker);
    search.in.on_reset([&proxy] { proxy.close(); });
    Deadline deadline(proxy);
    deadline.expires_at(search.give_up_at);
    const HopPatience patience(search.worker, shared_link, proxy);
    Asking asking{proxy, link.proxy_link().server(), search.early, {}, {}, false};
    asking.first = first_bytes(search.early, nullptr);
    const Message request = hop_request(search, link, proxy, asking.first.size());
    auto response = co_await ask(std::move(asking), request);
    search.in.on_reset({});
    deadline.cancel();
    const NotOpened* const failure = response ? nullptr : &response.error();
    const bool passed = search.early.has_passed();
    const Attempt attempt = judge(failure,
                                  {.spare = spare,
                                   .client_reset = search.in.was_reset(),
                                   .has_taken = search.early.has_taken(),
                                   .has_passed = passed,
                                   .timed_out = proxy.has_expired()},
                                  link.proxy_link().server());
    if (spare && attempt.was_unanswered()) spares->drop_all();
    HopOutcome outcome = judge_hop(failure, attempt, passed, search.early.is_kept(),
                                   patience.is_over(), *link.name());
    if (outcome.outcome == cluster::Node::Outcome::open) {
        if (std::get<InRequest>(request).early) link.took_frames(response->reuse);
        if (!response->lists.empty()) {  // with the first stream on a connection
            link.compare(response->lists, search.state.settings()->gatekeeper.lists());
        }
        spares->learn(proxy, *response);
        search.tries.opened_elsewhere();
        search.found = {.data = std::move(owned),
                        .out_name = std::move(response->out),
                        .zstd = response->zstd,
                        .spares = spares,
                        .proxy = {"proxy", link.name()},
                        .tries = search.tries.count()};
    } else if (outcome.again || outcome.goes_on) {
        search.early.begin_again();
    }
    co_return outcome;
}

HopOutcome not_used(const std::string& proxy, const std::string& reason,
                    cluster::Node::Outcome outcome) {
    warn_of(proxy, reason);
    return {.outcome = outcome,
            .reason = {Code::no_out, "proxy " + proxy + ": " + reason},
            .goes_on = true};
}

/// Nothing was asked: of this proxy, or here, where something has run out or nobody waits any more.
HopOutcome not_reached(const Cluster::Link& link, const Reason& reason) {
    using enum cluster::Node::Outcome;
    if (reason.code == Code::proxy_unreachable) {
        return not_used(*link.name(), reason.detail, unreachable);
    }
    return {.outcome = left, .reason = reason};
}

/// One stream's try at one other proxy.
Task<HopOutcome> try_proxy(Search& search, const std::string& address) {
    using enum cluster::Node::Outcome;
    Cluster& all = *search.state.cluster;
    auto found = all.link_to(address);
    if (!found) co_return not_used(address, found.error(), unreachable);
    const std::shared_ptr<Cluster::Link> link = std::move(*found);
    if (const auto why = all.objection_to(*link->name(), search.request.topic); !why.empty()) {
        co_return not_used(address, why, refused);
    }
    while (true) {
        ConnectionPtr connection = link->spares(search.worker)->take(kHopConnect);
        const bool spare = connection != nullptr;
        if (!spare) {
            const auto left = std::chrono::ceil<Milliseconds>(search.give_up_at - Clock::now());
            auto dialled = co_await link->dial(search.worker, left, search.in);
            if (!dialled) co_return not_reached(*link, dialled.error());
            connection = std::move(*dialled);
        }
        if (search.in.was_reset()) {
            Task<> leaving = leave(link->shared_link(), {}, std::move(connection));
            spawn(search.worker.executor(), "leaving", std::move(leaving));
            co_return HopOutcome{.outcome = cluster::Node::Outcome::left};
        }
        auto outcome = co_await ask_proxy(search, link, std::move(connection), spare);
        if (!outcome.again) co_return outcome;
    }
}

/// No other proxy has it, or is left.
Found nobody_elsewhere(const Search& search, cluster::NoRoute none, const Reason& here,
                       const std::optional<Reason>& there) {
    Reason reason = here;
    if (none == cluster::NoRoute::left) return search.fails(Code::draining, "proxy is ending");
    if (none == cluster::NoRoute::no_directory) {
        reason = {Code::no_directory, "no out here serves topic " + search.request.topic +
                                          ", and the directory of the cluster can not be reached"};
    } else if (there && here.code == Code::no_topic) {
        reason = *there;
    }
    Found found = search.fails(reason);
    found.elsewhere = true;
    return found;
}

/// Whether a topic that nobody has now may be back in a moment.
bool may_return(const Search& search) {
    if (search.tries.was_refused() || Clock::now() >= search.wait_until) return false;
    return search.state.directory.was_here(search.request.topic) ||
           search.state.cluster->was_there(search.request.topic);
}

}  // namespace

Task<Found> find_elsewhere(Search& search, Reason here) {
    using enum cluster::Node::Outcome;
    Cluster& all = *search.state.cluster;
    Connection& in = search.in;
    cluster::Search routes(all.engine(), search.worker.executor(), search.request.topic,
                           search.give_up_at);
    std::optional<Reason> there;
    while (!in.was_reset() && Clock::now() < search.give_up_at) {
        in.on_reset([&routes] { routes.give_up(); });
        const auto route = co_await routes.next();
        in.on_reset({});
        if (!route) co_return nobody_elsewhere(search, route.error(), here, there);
        HopOutcome outcome = co_await try_proxy(search, route->address);
        routes.report(outcome.outcome);
        if (outcome.outcome == open) co_return std::move(search.found);
        if (outcome.outcome == unreachable || outcome.outcome == not_there) {
            all.has_gone(search.request.topic);
        }
        const auto next =
            search.tries.after_hop(outcome.reason, outcome.of_an_out, outcome.untouched,
                                   outcome.goes_on, search.tried, Clock::now());
        if (next == OutTries::Next::none) co_return search.fails(outcome.reason);
        say_next(search, route->address, outcome.reason);
        there = std::move(outcome.reason);
    }
    co_return search.fails(Code::open_timeout, "no proxy of the cluster has opened it in time");
}

Task<Found> find_way(Search& search) {
    while (true) {
        Found found = co_await find_here(search);
        if (found.data || !found.elsewhere || !search.may_go_on()) co_return found;
        found = co_await find_elsewhere(search, found.refusal);
        if (found.data || !found.elsewhere || !may_return(search)) co_return found;
        const auto until = std::min(search.wait_until, Clock::now() + kReturnHere);
        auto why = co_await search.state.directory.wait_for(search.request.topic, search.tried,
                                                            until, search.in);
        if (why.code != Code::none) co_return search.fails(why);
    }
}

}  // namespace inout::proxy
