// What an out's answer to the activation of its data connection means for the stream. Pure.
#pragma once

#include "common/rules/reason.hpp"
#include "common/wire/message.hpp"

namespace inout::proxy {

struct Activation {
    enum class Verdict {
        open,      ///< out has the backend; raw bytes follow
        dead,      ///< the connection was dead: nothing of the client went into it, try the next
        draining,  ///< this out is ending: try the next in line
        refused,   ///< out said no, or nothing in time: it depends (tries.hpp)
    };
    Verdict verdict;
    Reason refusal{Code::none, {}};  ///< if draining or refused
    bool untouched = false;          ///< unless open: by out's word nothing was begun
    bool zstd = false;               ///< open: out compresses it, as was offered
};

/// `answer` is what came: nothing, if none came until the connection ended or `timed_out`. `ext`:
/// the registration is not one of 0.0.1, behind which there may be anybody, who may not end it.
inline Activation judge(const Message* answer, bool timed_out, bool ext) {
    using enum Activation::Verdict;
    if (answer == nullptr && timed_out) {
        return {refused, {Code::open_timeout, "no answer from out in time"}};
    }
    const auto* response = answer != nullptr ? std::get_if<Response>(answer) : nullptr;
    if (response == nullptr || !response->answers("DataActiveRequest")) return {dead};
    if (response->ok()) return {.verdict = open, .zstd = response->zstd};
    const bool untouched = response->retry;
    if (response->code == Code::draining) {
        return {ext ? draining : dead, {Code::draining, "out is ending"}, untouched};
    }
    // What it says to whatever comes, when it has just ended a connection that waited.
    if (untouched && response->request != "DataActiveRequest") {
        return {.verdict = dead, .untouched = true};
    }
    return {refused, {response->code, response->message}, untouched};
}

}  // namespace inout::proxy
