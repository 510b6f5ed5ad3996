#include "common/relay/early_data.hpp"

#include <atomic>
#include <cerrno>
#include <new>
#include <utility>

namespace inout {
namespace {

/// What all openings keep, in bytes.
std::atomic<std::size_t> kept_bytes{0};

}  // namespace

EarlyData::EarlyData(RelaySet& relays, Connection& source)
    : state_(std::make_shared<State>(relays, source)) {}

/// What the source has now, at most a buffer full.
void EarlyData::State::take() {
    const std::size_t before = bytes.size();
    if (!pump.take(relays.tools(), source.bytes(), bytes)) source.note_reset();
    if (bytes.size() == before) return;
    source.on_reset({});
    if (!counted) return;
    counted_bytes += bytes.size() - before;
    counted = (kept_bytes += bytes.size() - before) <= kEarlyKeptMax;
}

void EarlyData::State::forget() { kept_bytes -= std::exchange(counted_bytes, 0); }

void EarlyData::append_to(std::string& frame) {
    Connection& source = state_->source;
    if (source.is_open() && !source.was_reset() && state_->bytes.size() < kEarlyBytes) {
        // What was read ahead, and what the kernel has besides.
        const bool has_unread = !source.unread().empty();
        for (int i = 0; i < (has_unread ? 2 : 1) && !source.was_reset(); ++i) state_->take();
    }
    frame += state_->unsent();
    state_->passed = state_->passed || !state_->unsent().empty();
    state_->sent = state_->bytes.size();
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
    while (!state->unsent().empty()) {
        state->passed = true;
        const ssize_t n = state->sink->send(state->unsent());
        if (n >= 0) {
            state->sent += static_cast<std::size_t>(n);
        } else if (errno == EAGAIN) {
            state->sink->until_output([state](std::error_code error) {
                if (!error) go_on(state);
            });
            return;
        } else if (errno != EINTR) {
            state->pump.sink_was_lost(errno);
            return;
        }
    }
    if (state->waiting_for_source || state->bytes.size() >= kEarlyBytes) return;
    if (!state->source.was_reset()) wait_for_source(state);
}

/// Then takes what is there, in a turn of its own: it may come in records of a byte.
void EarlyData::wait_for_source(const std::shared_ptr<State>& state) {
    if (state->pump.has_source_ended()) return;
    state->waiting_for_source = true;
    const auto take = [state](std::error_code error) {
        state->waiting_for_source = false;
        if (error || state->sink == nullptr || !state->source.is_open()) return;
        try {
            state->take();
        } catch (const std::bad_alloc&) {
            state->source.note_reset();
            return;
        }
        go_on(state);
    };
    if (state->source.bytes().is_drained()) {
        state->source.until_input(take);
    } else {
        asio::post(state->source.executor(), [take] { take({}); });
    }
}

bool EarlyData::begin_again() {
    State& state = *state_;
    if (!is_kept()) return false;
    state.sent = 0;
    state.passed = false;
    state.pump.forget_sink();
    return true;
}

Pump EarlyData::take_pump() {
    pause();
    if (state_->source.was_reset()) state_->pump.source_was_reset();
    state_->pump.owe(state_->unsent());
    state_->forget();
    return std::move(state_->pump);
}

}  // namespace inout
