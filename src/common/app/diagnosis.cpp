#include "common/app/diagnosis.hpp"

#include <algorithm>
#include <cstdlib>

#include "common/base/limits.hpp"

namespace inout {
namespace {

using enum Finding::State;

constexpr std::int64_t kDayInSeconds = 86'400;
/// Less is the network's, and no proof fails for it.
constexpr Milliseconds kClocksAgree{5'000};

Finding row(std::string check, Finding::State state, std::string found, std::string advice = {}) {
    return {.check = std::move(check),
            .state = state,
            .found = std::move(found),
            .advice = std::move(advice)};
}

std::string text_of_ms(Milliseconds time) { return std::to_string(time.count()) + " ms"; }

bool holds(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::string_view advice_for_tls(std::string_view reason) {
    if (holds(reason, "certificate has expired")) {
        return "put a new certificate at the proxy (tls.cert); if it is new, this machine's clock "
               "is wrong";
    }
    if (holds(reason, "not yet valid")) return "set this machine's clock, or the proxy's";
    if (holds(reason, "not the pinned one")) {
        return "if the proxy has a new key, put its pin into tls.pin; if it has none, somebody "
               "else answers at this address";
    }
    if (holds(reason, "hostname mismatch") || holds(reason, "IP address mismatch")) {
        return "the certificate is for another name: set tls.server_name to one that it has, or "
               "give the proxy one for this name";
    }
    if (holds(reason, "unable to get") || holds(reason, "self-signed") ||
        holds(reason, "self signed")) {
        return "set tls.ca to the CA of the proxy's certificate, or tls.pin to its key";
    }
    if (holds(reason, "tls.cert")) return "give this program its certificate: tls.cert and tls.key";
    if (holds(reason, "penalised")) return "wait a minute, and correct what has failed before";
    return "compare \"tls\" here and at the proxy";
}

/// What the proxy's refusal of an introduction is about.
Finding judge_refusal(const Look& look, bool serves) {
    const Code code = look.response.code;
    if (holds(look.reason, "demands TLS")) {
        return row("proxy", wrong, look.reason, "set \"tls\" here, with \"pin\" or \"ca\"");
    }
    // It knows spare connections only, which whoever may open no stream can not have.
    if (code == Code::denied && !look.response.probe && serves) {
        return row("identity", warning, "can not be told: " + look.reason,
                   "this proxy is older than probes; the log of out says whether it registers");
    }
    if (code == Code::denied) {
        return row("identity", wrong, look.reason,
                   "compare \"auth\" here (id, secret_file) with the proxy's auth.keys; its log "
                   "has the reason, with this reference");
    }
    if (code == Code::penalised) {
        return row("identity", wrong, look.reason,
                   "correct what has failed, and wait for as long as it says");
    }
    if (code == Code::clock) {
        return row("identity", wrong, look.reason, "set the clock of this machine or the proxy's");
    }
    if (code == Code::draining) {
        return row("proxy", warning, look.reason, "ask again when its next process runs");
    }
    return row("proxy", wrong, look.reason, "see the proxy's log");
}

/// What follows when the topic's out was asked, or could not be.
Finding judge_backend(const Response& answer) {
    switch (answer.code) {
        case Code::none: break;
        case Code::open_timeout:
            return row("backend", wrong, answer.message,
                       "see whether out runs, and whether its machine can be reached");
        case Code::limit: return row("backend", warning, answer.message, "ask again later");
        default:
            return row("backend", wrong, answer.message,
                       "see whether the service runs, and whether out has its address right");
    }
    if (answer.elsewhere && !answer.took) {
        return row("backend", warning,
                   "not asked: another proxy of the cluster has the topic, and that one or its out "
                   "is older than probes or can not be reached",
                   "ask at that one, or upgrade it");
    }
    if (!answer.took) {
        return row("backend", warning, "not asked: the topic's out is older than probes",
                   "upgrade it to see more");
    }
    return row("backend", ok, "answers out after " + text_of_ms(*answer.took));
}

Finding judge_registration(const ProbeQuestion& question, const Response& answer) {
    const bool nobody = answer.code == Code::no_topic || answer.code == Code::no_out;
    if (answer.code == Code::no_directory) {
        return row("topic", warning, answer.message,
                   "see whether the cluster's NATS can be reached");
    }
    if (question.serves) {
        return row("topic", ok, nobody ? "nobody has registered it: it is free" : "is registered");
    }
    if (nobody) {
        return row("topic", wrong, answer.message,
                   "start out with this topic, and compare how it is spelled there");
    }
    return row(
        "topic", ok,
        answer.elsewhere ? "is registered at another proxy of the cluster" : "is registered");
}

}  // namespace

Finding judge_certificate(const Validity& validity, std::string_view version, bool goes_by_key,
                          std::int64_t now_s) {
    const std::int64_t days = (validity.ends_s - now_s) / kDayInSeconds;
    std::string found(version);
    if (goes_by_key) return row("tls", ok, found + ", the key is the pinned one");
    found += ", certificate ends in " + std::to_string(days) + (days == 1 ? " day" : " days");
    if (!validity_warning(validity, now_s)) return row("tls", ok, std::move(found));
    return row("tls", warning, std::move(found), "put a new certificate at the proxy (tls.cert)");
}

Finding judge_own_certificate(const Validity& validity, std::int64_t now_s) {
    const auto problem = validity_warning(validity, now_s);
    const std::string what = validity.key + " " + validity.file;
    if (!problem) {
        const std::int64_t days = (validity.ends_s - now_s) / kDayInSeconds;
        return row("certificate", ok, what + " ends in " + std::to_string(days) + " days");
    }
    const bool is_valid = now_s >= validity.begins_s && now_s < validity.ends_s;
    return row("certificate", is_valid ? warning : wrong, what + " " + *problem,
               "put a new one in its place");
}

Finding judge_tls_failure(const std::string& reason) {
    return row("tls", wrong, reason, std::string(advice_for_tls(reason)));
}

Finding judge_clock(std::int64_t theirs_ms, std::int64_t ours_ms, Milliseconds round_trip) {
    const std::int64_t off_ms = ours_ms - round_trip.count() / 2 - theirs_ms;
    const std::int64_t apart_ms = std::abs(off_ms);
    std::string found = std::to_string(apart_ms / 1'000) + " s " +
                        (off_ms < 0 ? "behind" : "ahead of") + " the proxy's";
    if (apart_ms < kClocksAgree.count()) {
        return row("clock", ok, "agrees with the proxy's");
    }
    const bool fails = apart_ms >= kProofWindow.count();
    return row("clock", fails ? wrong : warning, std::move(found),
               "set the clocks of both machines (NTP): from " +
                   std::to_string(kProofWindow.count() / 1'000) + " s on the proxy refuses us");
}

Findings judge_look(const Look& look, bool has_key, bool serves, Milliseconds round_trip) {
    switch (look.what) {
        case Look::What::unreachable:
            // Over TLS 1.3 what the proxy says of our certificate comes behind the handshake.
            if (holds(look.reason, ": TLS: ")) {
                return {row("proxy", wrong, look.reason, std::string(advice_for_tls(look.reason)))};
            }
            return {row("proxy", wrong, look.reason,
                        "see whether this is the proxy's port, and whether the proxy runs")};
        case Look::What::older:
        case Look::What::ended:
            return {
                row("proxy", warning,
                    "can not be asked, as a proxy of an older version, or is none: " + look.reason,
                    "upgrade the proxy to see more")};
        case Look::What::refused: return {judge_refusal(look, serves)};
        case Look::What::reached: break;
    }
    Findings all{row("proxy", ok, "answers in " + text_of_ms(round_trip))};
    const std::string& identity = look.response.identity;
    if (identity.empty()) {
        all.push_back(row("identity", warning, "is not told by this proxy"));
    } else if (has_key && identity == "anonymous") {
        all.push_back(row("identity", warning, std::string(kNotRecognised),
                          "give the proxy \"auth\" with this key, or leave it out here"));
    } else {
        all.push_back(row("identity", ok, identity));
    }
    return all;
}

bool may_probe(const Look& look) {
    return look.what == Look::What::reached && look.response.ok() && look.response.probe;
}

Finding judge_not_asked(const Look& look) {
    const bool older =
        look.what == Look::What::older || look.what == Look::What::ended || !look.response.probe;
    const bool works = look.what == Look::What::reached;
    if (works && !older) return row("topic", warning, "not asked: " + look.response.message);
    if (look.what == Look::What::unreachable || (!older && !works)) {
        return row("topic", wrong, "not asked: the proxy can not be asked");
    }
    return row("topic", warning, "not asked: this proxy is older than probes",
               "upgrade the proxy to see more");
}

Finding judge_no_probe_answer() {
    return row("topic", wrong, "the proxy answers this question with what is no answer to it",
               "see the proxy's log, and whether something on the way changes what is said");
}

Findings judge_probe(const ProbeQuestion& question, const Response& answer, Milliseconds total) {
    if (answer.code == Code::denied) {
        return {row("permission", wrong, answer.message,
                    question.serves
                        ? "add the topic to \"out\" of this identity in the proxy's \"auth\""
                        : "add the topic to \"in\" of this identity in the proxy's \"auth\"")};
    }
    if (answer.code == Code::malformed) return {row("permission", wrong, answer.message)};
    if ((answer.code == Code::limit || answer.code == Code::draining) && !answer.took) {
        return {row("topic", warning, "not asked: " + answer.message, "ask again later")};
    }
    Findings all{
        row("permission", ok, question.serves ? "it may be registered" : "streams may be opened")};
    all.push_back(judge_registration(question, answer));
    const Finding::State registered = all.back().state;
    if (question.serves || registered != ok) return all;
    all.push_back(judge_backend(answer));
    if (answer.took) {
        all.push_back(
            row("round trip", ok,
                text_of_ms(std::max(total - *answer.took, Milliseconds{0})) + " to out and back"));
    }
    return all;
}

}  // namespace inout
