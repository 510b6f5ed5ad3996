#include "common/net/deadline.hpp"
#include "common/net/frame_io.hpp"
#include "common/net/proxy_header_io.hpp"
#include "proxy/first_bytes.hpp"
#include "proxy/service.hpp"
#include "proxy/sessions.hpp"
#include "proxy/spares.hpp"

namespace inout::proxy {
namespace {

/// What first messages have in common, borrowed. The version is in each of them and in no other
/// message.
struct Head {
    std::string_view magic{}, topic{};
    std::optional<std::string_view> version{};
};

Head head_of(const Message& message) {
    Head head;
    std::visit(
        [&](const auto& m) {
            if constexpr (requires { m.magic; }) head.magic = m.magic;
            if constexpr (requires { m.topic; }) head.topic = m.topic;
            if constexpr (requires { m.version; }) head.version = m.version;
        },
        message);
    return head;
}

/// What a TLS client that is not let in is told before its handshake: the fatal alert
/// access_denied (RFC 8446, 6.2), which costs us no handshake.
constexpr std::string_view kAccessDenied("\x15\x03\x03\0\x02\x02\x31", 7);

std::string penalty_text(const Strangers::Stay& stay) {
    return "penalised, retry in " + std::to_string(stay.penalty_s()) + " s";
}

/// Says so to one that is refused for what others of its source, or itself, have done before.
Task<> tell_penalty(Connection& connection) {
    count_refused(connection, "repeated failures", "refused");
    Deadline deadline(connection);
    deadline.expires_after(kFarewell);
    if (co_await connection.write_all(kAccessDenied)) co_return;
    deadline.cancel();
    co_await say_farewell(connection);
}

/// Who has come and gone without a word is told of nothing and pays nothing: a port check, the
/// health check of a balancer. True: it was one of those.
bool is_monitor(const FirstMessage& first, const Connection& connection, Strangers::Stay& stay) {
    if (!first.monitor || stay.evicted()) return false;
    if (!stay.monitored()) return false;
    counters().monitors_total.add();
    const bool tls = connection.tls() != nullptr;
    log::debug("monitor", {{"peer", connection.peer()}, {"tls", tls ? "yes" : "no"}});
    return true;
}

/// Has who stands in front say whose connection this is. From then on all goes by that one, as if
/// it had come by itself; nothing: it may not, or nobody was named.
Task<std::unique_ptr<Strangers::Stay>> admit_client(ProxyState& state, const SettingsPtr& settings,
                                                    const ConnectionPtr& owned,
                                                    std::unique_ptr<Strangers::Stay> balancer,
                                                    Clock::time_point until) {
    Deadline deadline(*owned);
    deadline.expires_at(until);
    const auto header = co_await receive_proxy_header(*owned);
    deadline.cancel();
    if (!header) {
        const FirstMessage silent{.monitor = header.error().was_silent};
        if (is_monitor(silent, *owned, *balancer)) co_return nullptr;
        count_refused(*owned,
                      balancer->evicted() ? "made room for a newer one" : header.error().reason);
        co_return nullptr;
    }
    balancer.reset();
    auto admitted = state.strangers.admit(owned, settings->config);
    if (!admitted.stay) count_refused(*owned, admitted);
    co_return std::move(admitted.stay);
}

/// What is wrong with a first message before it matters who sent it; nothing: it is fine. The
/// answer's magic and request are set.
std::optional<Response> objection(const ProxyConfig& config, const Message& message,
                                  const Connection& connection) {
    const Head head = head_of(message);
    if (!head.version) {
        // The words of the original, which its programs may look for.
        return Response{.magic = "invalid tp",
                        .request = "invalid tp",
                        .message = "not a first message",
                        .ext = true,
                        .code = Code::malformed};
    }
    const auto* const warm = std::get_if<InWarmRequest>(&message);
    Response answer{.magic = std::string(head.magic),
                    .request = std::string(type_name(message)),
                    .ext = true,
                    .probe = warm != nullptr && warm->probe};
    if (*head.version != kVersion) {
        answer.message = "this proxy speaks version " + std::string(kVersion);
        answer.code = Code::version;
        return answer;
    }
    const auto* const out = std::get_if<OutRequest>(&message);
    if (out != nullptr && out->pattern && !pattern_of(*out)) {
        answer.message = "the topic is no pattern";
        answer.code = Code::malformed;
        return answer;
    }
    const auto* const in = std::get_if<InRequest>(&message);
    if (in != nullptr && in->use > 0) {
        answer.message = "no stream came before on this connection";
        answer.code = Code::malformed;
        return answer;
    }
    const auto& tls = config.tls;
    if (tls && tls->mode == TlsMode::required && connection.tls() == nullptr) {
        answer.message = "this proxy demands TLS";
        answer.code = Code::denied;
        return answer;
    }
    return std::nullopt;
}

/// Answers who wants its connection to wait. Nothing: it was refused, or has ended.
Task<std::unique_ptr<Spare>> take_spare(ProxyState& state, const ConnectionPtr& owned,
                                        InWarmRequest request, const StandingPtr& standing,
                                        std::shared_ptr<Strangers::Acquaintance> known) {
    Connection& connection = *owned;
    auto spare = keep_spare(state, owned, standing, std::move(known));
    Response answer{.magic = std::move(request.magic),
                    .request = "InWarmRequest",
                    .ext = true,
                    .identity = identity_to_tell(standing->identity)};
    if (!spare) {
        answer.code = state.draining ? Code::draining : Code::limit;
        answer.message = "no spare connection is taken now";
        co_await refuse(connection, std::move(answer));
        co_return nullptr;
    }
    answer.warm = kSpareKept;
    if (request.framed) connection.stay_framed();
    if (request.reuse) {
        connection.frame(StreamFraming::Role::responder);
        connection.framing()->nonce = answer.nonce = random_hex(kNonceDigits);
        answer.reuse = true;
    }
    const Message message = std::move(answer);
    // A fresh connection's buffer takes one small frame at once; there is nothing to wait for.
    const auto error = co_await write_message(connection, message);
    if (error) spare.reset();
    co_return std::move(spare);
}

}  // namespace

void count_refused(const Connection& connection, const Strangers::Admission& admission) {
    counters().refused_total.add();
    log::limited(log::Level::warning, log::Kind::warning, "refused", connection.source(),
                 {{"peer", connection.peer()},
                  {"reason", admission.reason},
                  {"penalty_ms", admission.penalty.count()}});
}

void count_refused(const Connection& connection, const std::string& reason,
                   std::string_view event) {
    counters().refused_total.add();
    log::limited(log::Level::warning, log::Kind::warning, event, connection.source(),
                 {{"peer", connection.peer()}, {"reason", reason}});
}

Task<StandingPtr> admit(ProxyState& state, Connection& connection, const Message& request,
                        Strangers::Stay* stay, std::string nonce) {
    auto admitted = state.settings()->gatekeeper.admit(request, connection, nonce);
    if (admitted) co_return std::move(*admitted);
    Gatekeeper::Denial& denial = admitted.error();
    const Head head = head_of(request);
    counters().denied_total.add();
    const bool nameless = denial.by_stranger || denial.identity.empty();
    log::limited(log::Level::warning, log::Kind::warning, "denied",
                 nameless ? connection.source() : denial.identity,
                 {{"peer", connection.peer()},
                  {"request", type_name(request)},
                  {"topic", head.topic},
                  {"identity", denial.identity},
                  {"reason", denial.reason},
                  {"reference", denial.reference}});
    if (stay != nullptr) stay->has_spoken();
    if (stay != nullptr && denial.by_stranger) {
        stay->failed();
        if (stay->penalty_s() > 0) {
            denial.code = Code::penalised;
            denial.message = penalty_text(*stay) + "; " + denial.message;
        }
    }
    const auto* const in = std::get_if<InRequest>(&request);
    const auto* const warm = std::get_if<InWarmRequest>(&request);
    Response answer{.magic = std::string(head.magic),
                    .request = std::string(type_name(request)),
                    .message = std::move(denial.message),
                    .ext = true,
                    .code = denial.code,
                    .time_ms = denial.time_ms,
                    .retry = in != nullptr && in->ext,
                    .probe = warm != nullptr && warm->probe};
    co_await refuse(connection, std::move(answer));
    co_return nullptr;
}

Task<> first_message_session(ProxyState& state, Worker& worker, ConnectionPtr owned,
                             std::unique_ptr<Strangers::Stay> own_stay) {
    Connection& connection = *owned;
    SettingsPtr settings = state.settings();
    const auto until = Clock::now() + settings->config.handshake_timeout;
    if (own_stay->speaks_for_others()) {
        own_stay = co_await admit_client(state, settings, owned, std::move(own_stay), until);
        if (!own_stay) co_return;
    }
    FirstMessage first = co_await read_first_message(state, *settings, owned, own_stay, until);
    if (!own_stay) co_return;
    Strangers::Stay& stay = *own_stay;
    if (first.no_tls) {
        co_await tell_penalty(connection);
        co_return;
    }
    if (!first.message) {
        if (is_monitor(first, connection, stay)) {
            // It may look at how that ends.
            if (first.was_answered || connection.tls() != nullptr) {
                co_await say_farewell(connection);
            }
            co_return;
        }
        count_refused(connection, stay.evicted() ? "made room for a newer one" : first.problem);
        if (stay.evicted()) co_return;  // if its own source was at fault, that has paid
        // A request over HTTP guesses nothing, and a front carries those of many; a handshake for
        // it costs us as much as a monitor's.
        if (!first.monitor && first.was_answered) {
            (void)stay.monitored();
        } else if (!first.monitor) {
            stay.failed();
        }
        // A failed handshake's alert has to arrive, or the other side can not say what was wrong.
        if (first.was_answered || connection.is_websocket() || connection.tls() != nullptr) {
            co_await say_farewell(connection);
        }
        co_return;
    }
    Message& message = *first.message;
    if (auto answer = objection(settings->config, message, connection)) {
        count_refused(connection, answer->message);
        stay.has_spoken();
        stay.failed();
        co_await refuse(connection, std::move(*answer));
        co_return;
    }
    auto standing = co_await admit(state, connection, message, &stay);
    if (!standing) co_return;
    if (auto* data = std::get_if<OutDataRequest>(&message)) {
        co_await data_session(state, worker, std::move(owned), std::move(*data), stay);
        co_return;
    }
    // Where nothing is protected there is nobody to recognise, and nothing to guess either.
    std::shared_ptr<Strangers::Acquaintance> known;  // for as long as this session lasts
    if (standing->identity.kind != Identity::Kind::anonymous || !settings->gatekeeper.protects()) {
        known = stay.recognised();
    }
    stay.leave();
    settings.reset();  // what follows may take long
    auto* const warm = std::get_if<InWarmRequest>(&message);
    if (warm != nullptr && warm->probe) {
        own_stay.reset();
        co_await probe_session(state, worker, std::move(owned), std::move(*warm),
                               std::move(standing), std::move(known));
        co_return;
    }
    if (warm != nullptr) {
        auto spare =
            co_await take_spare(state, owned, std::move(*warm), standing, std::move(known));
        own_stay.reset();
        if (spare) co_await spare_session(state, worker, std::move(spare));
        co_return;
    }
    if (auto* out = std::get_if<OutRequest>(&message)) {
        co_await control_session(state, std::move(owned), std::move(*out), std::move(standing));
    } else {
        auto& in = std::get<InRequest>(message);
        co_await pairing_session(state, worker, std::move(owned), std::move(in),
                                 std::move(standing), std::move(known));
    }
}

}  // namespace inout::proxy
