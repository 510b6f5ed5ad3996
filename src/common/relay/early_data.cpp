#include "common/relay/early_data.hpp"

#include <new>

namespace inout {

EarlyData::EarlyData(RelaySet& relays, Connection& source)
    : state_(std::make_shared<State>(State{.relays = relays, .source = source})) {}

void EarlyData::append_to(std::string& frame) {
    Connection& source = state_->source;
    if (!source.is_open() || source.was_reset()) return;
    // What was read ahead, and what the kernel has besides.
    const bool has_unread = !source.unread().empty();
    for (int i = 0; i < (has_unread ? 2 : 1) && !source.was_reset(); ++i) {
        if (!state_->pump.take(state_->relays.tools(), source.bytes(), frame)) source.note_reset();
    }
    if (has_taken()) state_->source.on_reset({});
}

void EarlyData::pass_to(Connection& sink) {
    state_->sink = &sink;
    advance(state_);
}

void EarlyData::go_on(const std::shared_ptr<State>& state) {
    try {
        advance(state);
    } catch (const std::bad_alloc&) {
        // Bytes that were read may be lost: the stream must not seem whole.
        state->source.note_reset();
    }
}

void EarlyData::advance(const std::shared_ptr<State>& state) {
    if (state->sink == nullptr || !state->sink->is_open() || !state->source.is_open()) return;
    if (state->waiting_for_source || state->pump.bytes() >= kEarlyBytes) return;
    const auto left = static_cast<std::uint32_t>(kEarlyBytes - state->pump.bytes());
    const auto step = state->pump.run_if_due(state->relays.tools(), state->source.bytes(),
                                             state->sink->bytes(), left);
    if (state->pump.has_taken()) state->source.on_reset({});
    switch (step) {
        case Pump::Step::wait_readable:
            state->waiting_for_source = true;
            state->source.until_input([state](std::error_code error) {
                state->waiting_for_source = false;
                if (!error) go_on(state);
            });
            return;
        case Pump::Step::wait_writable:
            state->sink->until_output([state](std::error_code error) {
                if (!error) go_on(state);
            });
            return;
        case Pump::Step::yield:
            if (state->pump.bytes() >= kEarlyBytes) return;
            state->waiting_for_source = true;
            asio::post(state->source.executor(), [state] {  // small TLS records
                state->waiting_for_source = false;
                go_on(state);
            });
            return;
        case Pump::Step::source_failed: state->source.note_reset(); return;
        case Pump::Step::ended:
        case Pump::Step::sink_failed: return;
    }
}

Pump EarlyData::take_pump() {
    pause();
    if (state_->source.was_reset()) state_->pump.source_was_reset();
    return std::move(state_->pump);
}

}  // namespace inout
