#include "common/rules/stream_end.hpp"

#include <utility>

namespace inout {

std::string_view to_string(StreamEnd::Cause cause) {
    constexpr std::array<std::string_view, StreamEnd::kCauses> kWords{
        "done",         "reset",  "timeout", "peer_timeout", "stall_timeout",
        "idle_timeout", "tls",    "framing", "compression",  "drain",
        "revoked",      "kicked", "quota",   "internal"};
    return kWords[static_cast<std::size_t>(cause)];
}

std::string to_string(const StreamEnd& end, std::string_view client, std::string_view service) {
    const std::string leg(end.leg == StreamLeg::client ? client : service);
    switch (end.cause) {
        case StreamEnd::Cause::done: return "done";
        case StreamEnd::Cause::reset: return "reset by " + leg;
        case StreamEnd::Cause::timeout: return "timeout of " + leg;
        case StreamEnd::Cause::peer_timeout: return "peer timeout of " + leg;
        case StreamEnd::Cause::stall_timeout: return "stall timeout of " + leg;
        case StreamEnd::Cause::idle_timeout: return "idle timeout";
        case StreamEnd::Cause::tls: return "TLS with " + leg + ": " + end.words;
        case StreamEnd::Cause::framing: return "frames of " + leg + ": " + end.words;
        case StreamEnd::Cause::compression: return "compression of " + leg + ": " + end.words;
        case StreamEnd::Cause::drain:
        case StreamEnd::Cause::revoked:
        case StreamEnd::Cause::kicked:
        case StreamEnd::Cause::quota:
        case StreamEnd::Cause::internal: break;
    }
    return end.words;
}

bool EndRules::lost(StreamLeg leg, StreamEnd why, Clock::time_point now) {
    if (over_ || is_lost(leg)) return false;
    of(leg).lost = true;
    note(std::move(why));
    flush_until_ = std::min(flush_until_, now + kResetFlush);
    return true;
}

void EndRules::end_now(StreamEnd why) {
    if (over_) return;
    note(std::move(why));
    for (State& leg : legs_) leg = {Input::over, true};
    was_told_ = true;
    flush_until_ = Clock::time_point::min();
}

EndRules::Next EndRules::next(Clock::time_point now) const {
    if (over_) return Next::go_on;
    if (now >= flush_until_) return Next::close;
    return are_inputs_over() ? Next::wait_for_arrival : Next::go_on;
}

bool EndRules::is_whole(StreamLeg leg, bool in_order) const {
    if (was_told_) return false;
    return ends_cleanly() ? are_inputs_over() : !is_lost(leg) || in_order;
}

void EndRules::note(StreamEnd why) {
    if (end_.cause == StreamEnd::Cause::done) end_ = std::move(why);
}

}  // namespace inout
