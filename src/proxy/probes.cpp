#include "proxy/probes.hpp"

#include <algorithm>

#include "common/base/wall_clock.hpp"
#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"
#include "common/open/ask.hpp"
#include "common/open/look.hpp"
#include "proxy/service.hpp"

namespace inout::proxy {
namespace {

/// How long a doctor may stay, and how long it may be silent.
constexpr Milliseconds kProbeSession{120'000}, kProbeSilence{10'000};
/// An out dials its backend for that; the asker waits a little longer.
constexpr Milliseconds kProbeAnswer{5'000};
/// The directory of a cluster is asked for so long; with the proxy to which it leads, in all.
constexpr Milliseconds kProbeLookup{2'000}, kProbeElsewhere{8'000};

/// One question to an out, whichever way it ends.
class AskedOut {
  public:
    AskedOut(OpenProbes& probes, const Executor& executor)
        : probes_(probes), question_(probes.begin(magic_, executor)) {}
    AskedOut(const AskedOut&) = delete;
    AskedOut& operator=(const AskedOut&) = delete;
    ~AskedOut() {
        if (question_) probes_.end(magic_);
    }
    const std::string& magic() const { return magic_; }
    const OpenProbes::QuestionPtr& question() const { return question_; }

  private:
    const std::string magic_ = random_hex(kMagicDigits);
    OpenProbes& probes_;
    const OpenProbes::QuestionPtr question_;
};

/// Who asks, for as long as its session lasts.
struct Asker {
    ProxyState& state;
    Worker& worker;
    Connection& connection;
    const Standing& standing;
};

void fail(Response& answer, Code code, std::string words) {
    answer.code = code;
    answer.message = std::move(words);
}

/// Has the out dial its backend. One that is older has only its topic.
Task<> ask_out(const std::shared_ptr<Registration>& registration, const std::string& topic,
               Executor executor, Response& answer) {
    if (!registration->probe) co_return;
    const AskedOut asked(registration->probes, executor);
    if (!asked.question()) {
        fail(answer, Code::limit, "the topic's out is being asked by others: later");
        co_return;
    }
    registration->send(ProbeRequest{.magic = asked.magic(), .topic = topic});
    OpenProbes::Question& question = *asked.question();
    question.timer.expires_after(kProbeAnswer);
    co_await question.timer.async_wait(use_result);
    if (!question.answer) {
        fail(answer, Code::open_timeout, "the topic's out does not answer");
        co_return;
    }
    answer.code = question.answer->code;
    answer.message = question.answer->message;
    answer.took = question.answer->took;
}

/// What is left until then, for a step that may take so long.
Milliseconds left(Clock::time_point until, Milliseconds most) {
    const auto rest = std::chrono::ceil<Milliseconds>(until - Clock::now());
    return std::clamp(rest, Milliseconds{1}, most);
}

/// Asks the proxy at this address, for who asks here. An older one, and one that can not be
/// reached, says nothing: that it has the topic is told all the same.
Task<> ask_proxy(const Asker& asker, const std::string& address, const ProbeRequest& request,
                 Clock::time_point until, Response& answer) {
    Cluster& all = *asker.state.cluster;
    auto found = all.link_to(address);
    if (!found) co_return;
    const std::shared_ptr<Cluster::Link> link = std::move(*found);
    if (!all.objection_to(*link->name(), request.topic).empty()) co_return;
    auto dialled = co_await link->dial(asker.worker, left(until, kHopConnect), asker.connection);
    if (!dialled) co_return;
    auto looking = look_at(link->proxy_link(), std::move(*dialled), left(until, kHopConnect), true);
    const Look look = co_await std::move(looking);
    Connection& proxy = *look.connection;
    if (look.what == Look::What::reached && look.response.ok() && look.response.probe) {
        Deadline deadline(proxy);
        deadline.expires_at(until);
        const Message question = ProbeRequest{.magic = random_hex(kMagicDigits),
                                              .topic = request.topic,
                                              .origin = origin_of(asker.standing.identity)};
        const auto heard = co_await exchange(proxy, question);
        deadline.cancel();
        if (const Response* const theirs = heard.response_to("ProbeRequest")) {
            answer.code = theirs->code;
            answer.message = theirs->message;
            answer.took = theirs->took;
        }
    }
    if (proxy.is_open()) co_await say_farewell(proxy);
}

/// Whether another proxy of the cluster has it, and what that one says.
Task<> ask_elsewhere(const Asker& asker, const ProbeRequest& request, Response& answer) {
    const auto until = Clock::now() + kProbeElsewhere;
    cluster::Search routes(asker.state.cluster->engine(), asker.worker.executor(), request.topic,
                           Clock::now() + kProbeLookup);
    const auto route = co_await routes.next();
    if (route) {
        answer.code = Code::none;
        answer.message.clear();
        answer.elsewhere = true;
        co_await ask_proxy(asker, route->address, request, until, answer);
    } else if (route.error() == cluster::NoRoute::no_directory) {
        fail(answer, Code::no_directory,
             "no out here serves topic " + request.topic +
                 ", and the directory of the cluster can not be reached");
    }
}

Task<> answer_probe(const Asker& asker, const ProbeRequest& request, Response& answer) {
    ProxyState& state = asker.state;
    const Connection& connection = asker.connection;
    // What a proxy of the cluster asks, that one has counted.
    if (!asker.standing.is_hop() && !state.probe_rate.count(connection.peer_address())) {
        fail(
            answer, Code::limit,
            "more than " + std::to_string(kProbesPerSecond) + " probes a second from this address");
        co_return;
    }
    counters().probes_total.add();
    if (state.draining) {
        fail(answer, Code::draining, "proxy is ending");
        co_return;
    }
    if (auto denial = state.settings()->gatekeeper.judge_probe(asker.standing, request)) {
        fail(answer, denial->code, std::move(denial->message));
        co_return;
    }
    const auto found = state.directory.look({request.topic, request.pattern}, request.serves);
    if (!found) {
        fail(answer, found.error().code, found.error().detail);
        const bool may_go_on = state.cluster && !request.serves && !asker.standing.is_hop();
        if (found.error().code == Code::no_topic && may_go_on) {
            co_await ask_elsewhere(asker, request, answer);
        }
        co_return;
    }
    if (!request.serves) {
        co_await ask_out(*found, request.topic, connection.executor(), answer);
    }
}

}  // namespace

Task<> probe_session(ProxyState& state, Worker& worker, ConnectionPtr owned, InWarmRequest request,
                     StandingPtr standing,
                     [[maybe_unused]] std::shared_ptr<Strangers::Acquaintance> known) {
    Connection& connection = *owned;
    Response answer{.magic = std::move(request.magic),
                    .request = "InWarmRequest",
                    .ext = true,
                    .identity = identity_to_tell(standing->identity),
                    .probe = true};
    std::unique_ptr<DescriptorBudget::Share> share;
    const auto verdict = state.budget.take(DescriptorBudget::Kind::spare,
                                           state.owner_of(standing->identity, connection), 1,
                                           descriptors_in_use(), share);
    if (state.draining || verdict != DescriptorBudget::Verdict::granted) {
        fail(answer, state.draining ? Code::draining : Code::limit, "no probe is taken now");
        co_await refuse(connection, std::move(answer));
        co_return;
    }
    if (standing->identity.kind != Identity::Kind::anonymous) answer.time_ms = unix_time_ms();
    const auto until = Clock::now() + kProbeSession;
    Deadline deadline(connection);
    const Asker asker{state, worker, connection, *standing};
    Message message = std::move(answer);
    while (true) {
        deadline.expires_at(std::min(until, Clock::now() + kProbeSilence));
        const auto error = co_await write_message(connection, message);
        if (error) co_return;
        const auto received = co_await read_message(connection, kFirstFrameBodyMaxBytes);
        if (!received) co_return;
        const auto* const probe = std::get_if<ProbeRequest>(&*received);
        if (probe == nullptr) {
            count_refused(connection, "misplaced message behind a probe's introduction");
            co_return;
        }
        deadline.expires_at(std::min(until, Clock::now() + kProbeSilence));
        Response next{.magic = probe->magic, .request = "ProbeRequest", .ext = true};
        co_await answer_probe(asker, *probe, next);
        message = std::move(next);
    }
}

}  // namespace inout::proxy
