// How a stream finds an out among those that are registered at this proxy.
#include "common/net/deadline.hpp"
#include "common/open/ask.hpp"
#include "proxy/activation.hpp"
#include "proxy/search.hpp"
#include "proxy/sessions.hpp"

namespace inout::proxy {
namespace {

/// Asks out to dial its backend, and passes the client's first bytes on behind that.
Task<Activation> activate(const Search& search, Connection& data, Clock::time_point answer_until,
                          const Registration& registration) {
    Deadline deadline(data);
    deadline.expires_at(answer_until);
    const StreamFraming* const framing = data.framing();
    const Message message = DataActiveRequest{.magic = random_hex(kMagicDigits),
                                              .topic = search.request.topic,
                                              .ext = registration.ext,
                                              .id = search.opening.id(),
                                              .client = search.opening.client(),
                                              .e2e = search.request.e2e,
                                              .zstd = search.request.zstd,
                                              .use = framing != nullptr ? framing->uses() + 1 : 0,
                                              .source = registration.source ? search.source() : ""};
    EarlyData& early = search.early;
    std::string first = first_bytes(early, nullptr);
    const auto heard = co_await exchange(data, message, std::move(first), &early);
    auto activation =
        judge(heard.answer ? &*heard.answer : nullptr, data.has_expired(), registration.ext);
    if (activation.verdict == Activation::Verdict::open) {
        if (heard.write_error) early.sink_was_lost(heard.write_error);
        if (framing != nullptr) data.receive_stream();
    }
    co_return activation;
}

/// A try has failed, and another one follows.
void say_next(const Search& search, const Registration& registration, const Reason& reason) {
    log::limited(log::Level::info, log::Kind::failure, "out refused", search.request.topic,
                 {{"id", search.opening.id()},
                  {"topic", search.request.topic},
                  {"out", registration.out},
                  {"code", to_string(reason.code)},
                  {"detail", reason.detail}});
}

/// Whether this registration may have the stream, before it is asked.
Reason objection_to(const Search& search, const Registration& registration) {
    const std::string& topic = search.request.topic;
    if (!search.state.settings()->gatekeeper.allows(*registration.standing, Right::out, topic)) {
        return {Code::no_topic, "no out serves topic " + topic};
    }
    return search.state.allowances.objection(registration.identity(), false);
}

/// What an answer of out that opens nothing means for others.
void learn_from(const Search& search, const std::shared_ptr<Registration>& registration,
                const Activation& activated, bool goes_on) {
    const Reason& refusal = activated.refusal;
    switch (activated.verdict) {
        case Activation::Verdict::open: break;
        case Activation::Verdict::dead:
            log::debug("dead data connection", {{"id", search.opening.id()},
                                                {"topic", search.request.topic},
                                                {"out", registration->out}});
            break;
        case Activation::Verdict::draining: out_is_draining(search.state, registration); break;
        case Activation::Verdict::refused:
            // Of a late try it had only what the others have left it. And one topic of a pattern
            // says nothing about the others: anybody can ask for it.
            if (!registration->pattern && is_failure_of_out(refusal.code, registration->ext) &&
                (refusal.code != Code::open_timeout || Clock::now() < search.give_up_at)) {
                search.state.directory.has_refused(*registration);
            }
            if (goes_on) say_next(search, *registration, refusal);
    }
}

/// Asks one out for the stream, on a data connection of it.
Task<OutTries::Next> ask_out(Search& search, const std::shared_ptr<Registration>& registration,
                             ConnectionPtr data, DataPool::Lease lease) {
    EarlyData& early = search.early;
    const auto answer_until =
        std::min(Clock::now() + search.config.answer_timeout, search.give_up_at);
    search.in.on_reset([&data] { data->close(); });
    const auto activated = co_await activate(search, *data, answer_until, *registration);
    search.in.on_reset({});
    const OutTries::Facts facts{
        .ext = registration->ext, .passed = early.has_passed(), .kept = early.is_kept()};
    const auto next =
        search.tries.after(activated, facts, registration->id, search.tried, Clock::now());
    if (next == OutTries::Next::open) {
        if (registration->has_failed) search.state.directory.has_served(*registration);
        search.found = {.data = std::move(data),
                        .out_name = registration->name,
                        .zstd = activated.zstd,
                        .lease = std::move(lease),
                        .registration = registration,
                        .tries = search.tries.count()};
        co_return next;
    }
    const bool goes_on = next != OutTries::Next::none;
    if (goes_on) early.begin_again();
    learn_from(search, registration, activated, goes_on);
    co_return next;
}

/// Why the pool of an out had no data connection for a stream whose time is over, or that it does
/// not let wait; nothing: another one is to be found.
std::optional<Reason> why_not_taken(const Search& search, DataPool::Taken result) {
    switch (result) {
        case DataPool::Taken::timeout:
            if (search.state.budget.is_spent(descriptors_in_use())) {
                return Reason{Code::limit, words(DescriptorBudget::Verdict::none_left)};
            }
            return Reason{Code::open_timeout, "no data connection in time"};
        case DataPool::Taken::too_many_waiting:
            return Reason{Code::limit, "too many streams wait for this topic"};
        default: return std::nullopt;
    }
}

/// Until when a topic that was here a moment ago is waited for. Its out may be at another proxy by
/// now, and then whoever asks here for others asks them too.
Clock::time_point return_until(const Search& search, Clock::time_point wait_until) {
    if (search.may_go_on()) return Clock::now();
    return search.request.hop ? std::min(wait_until, Clock::now() + kReturnHere) : wait_until;
}

/// Whether this says that nobody here is left for the stream.
bool may_be_elsewhere(Code code) {
    return code == Code::no_topic || code == Code::no_out || code == Code::unready;
}

}  // namespace

Task<Found> find_here(Search& search) {
    ProxyState& state = search.state;
    Connection& in = search.in;
    Tried& tried = search.tried;
    while (Clock::now() < search.give_up_at && !in.was_reset()) {
        if (state.draining) co_return search.fails(Code::draining, "proxy is ending");
        // A try that took long leaves the next one what is left.
        const auto wait_until =
            tried.is_empty()
                ? search.wait_until
                : std::min(Clock::now() + search.config.open_timeout, search.give_up_at);
        auto route = co_await state.directory.find(
            search.request.topic, return_until(search, wait_until), tried, in, search.choice);
        if (!route && in.was_reset()) break;
        if (!route) {
            Found none = search.fails(route.error());
            none.elsewhere = may_be_elsewhere(route.error().code);
            co_return none;
        }
        const auto registration = std::move(route->out);
        CountedHere given(registration->given);  // goes first
        tried.found_one();
        if (auto why = objection_to(search, *registration); why.code != Code::none) {
            const auto next = search.tries.passed_over(registration->id, tried, why, Clock::now());
            if (next == OutTries::Next::none) break;
            continue;
        }
        auto taken = co_await registration->pool->take(search.worker, wait_until, in);
        if (taken.result == DataPool::Taken::given_up) break;
        if (taken.result == DataPool::Taken::closed) continue;  // not its holder any more
        if (auto why = why_not_taken(search, taken.result)) co_return search.fails(*why);
        const auto next = co_await ask_out(search, registration, std::move(taken.connection),
                                           std::move(taken.lease));
        if (next == OutTries::Next::open) {
            search.found.given = std::move(given);
            co_return std::move(search.found);
        }
        if (next == OutTries::Next::none) break;
    }
    co_return search.fails(Code::open_timeout, "no live data connection in time");
}

}  // namespace inout::proxy
