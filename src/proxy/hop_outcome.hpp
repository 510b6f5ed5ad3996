// What the answer of another proxy, or none, means for a stream that was to go over it. Pure.
#pragma once

#include "common/cluster/node.hpp"
#include "common/open/attempt.hpp"

namespace inout::proxy {

struct HopOutcome {
    cluster::Node::Outcome outcome;
    Reason reason{Code::none, {}};  ///< unless open
    bool again = false;      ///< only its connection was dead: the same proxy, on a fresh one
    bool goes_on = false;    ///< another proxy may have the stream
    bool untouched = true;   ///< no out may have begun anything
    bool of_an_out = false;  ///< the stream was refused, not just sent to a wrong place
};

/// Whether a refusal is about how the proxies know each other: nothing that who asked can change,
/// or should hear of itself.
constexpr bool is_between_proxies(Code code) {
    return code == Code::clock || code == Code::penalised || code == Code::malformed ||
           code == Code::version;
}

/// `failure`: of ask(); nothing if that has opened the stream. `attempt`: what in would make of it.
/// `kept`: what was sent of the stream can be sent again. `silent`: nothing answers there, beside
/// this either. `name`: the proxy's, for words.
inline HopOutcome judge_hop(const NotOpened* failure, const Attempt& attempt, bool passed,
                            bool kept, bool silent, const std::string& name) {
    using enum cluster::Node::Outcome;
    if (attempt.verdict == Attempt::Verdict::open) return {.outcome = open};
    if (attempt.reason.code == Code::client_gone) {
        return {.outcome = left, .reason = attempt.reason, .untouched = !passed};
    }
    if (attempt.verdict == Attempt::Verdict::fresh && kept && !silent) {
        return {.outcome = unreachable, .reason = attempt.reason, .again = true};
    }
    if (failure == nullptr || !failure->answered) {
        // Its time may be over as well: then it is not known what the proxy has done.
        if (passed || attempt.reason.code == Code::open_timeout) {
            const Code code = passed ? Code::no_out : Code::open_timeout;
            return {.outcome = lost,
                    .reason = {code, "no answer of proxy " + name},
                    .untouched = !passed};
        }
        return {.outcome = unreachable,
                .reason = {Code::no_out, "proxy " + name + ": " + attempt.reason.detail},
                .goes_on = true};
    }
    Reason reason = failure->reason;
    const bool between = is_between_proxies(reason.code);
    if (between) reason = {Code::no_out, "proxy " + name + ": " + reason.detail};
    const bool untouched = failure->untouched || !passed;
    if (!untouched || !kept || !(between || may_be_served_elsewhere(failure->reason.code))) {
        return {.outcome = left,
                .reason = std::move(reason),
                .untouched = untouched,
                .of_an_out = true};
    }
    switch (failure->reason.code) {
        case Code::no_topic:
        case Code::no_out:
        case Code::draining:
            return {.outcome = not_there, .reason = std::move(reason), .goes_on = true};
        default:
            return {.outcome = refused,
                    .reason = std::move(reason),
                    .goes_on = true,
                    .of_an_out = !between};
    }
}

}  // namespace inout::proxy
