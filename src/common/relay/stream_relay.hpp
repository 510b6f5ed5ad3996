// One stream of a RelaySet (relay.cpp): carries its bytes and sees to it that its ends are exact.
// Owns itself; on its worker's thread.
#pragma once

#include <algorithm>
#include <cerrno>
#include <new>

#include "common/os/socket.hpp"
#include "common/relay/relay_parts.hpp"

namespace inout {

/// One stream. Every wait that has begun counts in pending_; when the stream is over and the count
/// is zero, it deletes itself. Each direction always has exactly one continuation: a wait, its next
/// turn, or none because it is done.
class Relay {
  public:
    Relay(RelaySet& set, OpenStream stream)
        : set_(set),
          client_(*this, std::move(stream.client_side), StreamLeg::client),
          service_(*this, std::move(stream.service_side), StreamLeg::service),
          up_(*this, client_, service_),
          down_(*this, service_, client_),
          stream_(std::move(stream.entry)),
          on_end_(std::move(stream.on_end)),
          opened_(Clock::now()) {
        up_.pump = std::move(stream.up);
        if (stream.limits) limit(std::move(*stream.limits));
        stream_->has_moved(client_.leg, up_.pump.bytes());
        stream_->relay = this;
        stream_->opened(service_.connection->peer_endpoint());
    }

    void start() {
        if (stream_->told) return reset(*stream_->told);
        ++pending_;  // neither direction may delete this under the other
        finish_step([this] {
            for (Direction* d : {&up_, &down_}) advance(*d);
            // Who watched the opening has seen the error, and the kernel tells it once.
            if (!rules_.is_over() && up_.pump.was_source_reset()) fail(client_, ECONNRESET);
        });
    }

    /// What this direction waited for is there, or can not be waited for.
    void resume(RelayDirection& d, std::error_code error) {
        finish_step([&] {
            if (error) return reset({StreamEnd::Cause::internal, {}, error.message()});
            advance(d);
        });
    }

    /// There is room for the word of rest; an error: somebody else waits for room now, and is about
    /// to send it with what is next.
    void go_on_resting(RelayDirection& d, std::error_code error) {
        finish_step([&] {
            if (error || rules_.is_over() || rules_.is_lost(d.sink.leg)) return;
            if (d.is_ending_or_full()) return;  // it waits for room itself, which this would end
            has_rested(d, d.sink.connection->compressed()->send_rest());
        });
    }

    void met_error(RelaySide& side, std::error_code error) {
        side.watching_errors = false;
        finish_step([&] {
            if (!error && !rules_.is_over()) look_for_error(side);
        });
    }

    void reset(StreamEnd why) {
        if (rules_.is_over()) return;
        ++pending_;
        rules_.end_now(std::move(why));
        finish();
        release();
    }

    void sweep(Clock::time_point now) {
        ++pending_;
        finish_step([this, now] {
            look_for_end(now);
            for (Direction* d : {&up_, &down_}) {
                if (rules_.has_input_ended(d->source.leg)) watch_errors(d->source);
                if (d->limit) d->limit->serve();
                rest(*d);
            }
            look_at_peers(now);
        });
    }

    /// Looks again whether everything is delivered, or will never be. False: often enough; a reader
    /// that has paused may take hours, and the sweep goes on looking.
    bool close_tick(Clock::time_point now) {
        ++pending_;
        const bool again = now < closing_since_ + kSweepInterval;
        finish_step([this, now] { look_for_end(now); });
        return again;
    }

    /// One wait less is pending.
    void release() {
        if (--pending_ == 0 && rules_.is_over()) delete this;
    }

  private:
    using Side = RelaySide;
    using Direction = RelayDirection;

    void limit(StreamLimits limits) {
        const Executor& executor = client_.connection->executor();
        if (!limits.up.empty() || !limits.quotas.empty()) {
            up_.limit = std::make_unique<DirectionLimit>(executor, up_, up_.pump,
                                                         std::move(limits.up), limits.quotas);
        }
        if (!limits.down.empty() || !limits.quotas.empty()) {
            down_.limit = std::make_unique<DirectionLimit>(
                executor, down_, down_.pump, std::move(limits.down), std::move(limits.quotas));
        }
    }

    /// Ends what is dead, or has come to rest for longer than it may.
    void look_at_peers(Clock::time_point now) {
        RelayOptions options = set_.options_;
        // What carries others' streams may wait for the next one as long as they want.
        if (!stream_.is_stream()) options.idle_timeout = options.stall_timeout = Milliseconds{0};
        std::uint64_t moved = up_.pump.bytes() + down_.pump.bytes();
        for (Side* side : {&client_, &service_}) {
            if (rules_.is_over() || rules_.is_lost(side->leg)) continue;
            const auto verdict = side->look(now, options, moved);
            if (verdict == Side::Verdict::dead) {
                fail(*side, {StreamEnd::Cause::peer_timeout, side->leg});
            } else if (verdict == Side::Verdict::stalled) {
                reset({StreamEnd::Cause::stall_timeout, side->leg});
            }
        }
        // Who was asked has its own watch over what it still delivers.
        const bool delivers =
            rules_.are_inputs_over() && (client_.awaits_release() || service_.awaits_release());
        if (moving_.stuck(moved, !delivers && !waits_for_turn(), now, options.idle_timeout)) {
            reset({StreamEnd::Cause::idle_timeout});
        }
    }

    /// A compressed direction in which nothing has come for a while gives its memory back.
    void rest(Direction& d) {
        if (rules_.is_over() || rules_.is_lost(d.sink.leg) || d.is_ending_or_full()) return;
        if (auto* const layer = d.sink.connection->compressed()) has_rested(d, layer->rest());
    }

    void has_rested(Direction& d, CompressedLayer::Rest how) {
        const int error = errno;
        if (how != CompressedLayer::Rest::none) d.sink.unacknowledged = true;
        if (how == CompressedLayer::Rest::failed) return fail(d.sink, error);
        if (how != CompressedLayer::Rest::waits) return;
        d.sink.connection->wait_for_output(*new RestingDirection(*this, d));
        ++pending_;
    }

    /// What a compressed leg has had on the wire, for the stream's line in the log.
    void note_wire(const Side& side) {
        const CompressedLayer* const layer = side.connection->compressed();
        if (layer == nullptr) return;
        const bool is_up = side.leg == StreamLeg::service;
        stream_.wire = {.up = is_up ? layer->wire_sent() : layer->wire_received(),
                        .down = is_up ? layer->wire_received() : layer->wire_sent()};
    }

    /// For a rate: no fault of either side.
    bool waits_for_turn() const {
        const auto waits = [](const Direction& d) { return d.limit && d.limit->waits(); };
        return waits(up_) || waits(down_);
    }

    bool waits_for(Side& side) {
        if (!rules_.must_arrive(side.leg)) return false;
        const auto [arrived, error] = side.look_for_arrival(rules_.ends_cleanly());
        if (error != 0) note_loss(side, side.why_lost(error));
        return !arrived;
    }

    void note_loss(Side& side, StreamEnd why) {
        if (!rules_.lost(side.leg, std::move(why), Clock::now())) return;
        stream_->is_ending();
        // However the other direction goes on: a paused reader does not hold this for ever.
        close_later();
    }

    Direction& direction_from(const Side& side) { return &side == &client_ ? up_ : down_; }
    Direction& direction_to(const Side& side) { return &side == &client_ ? down_ : up_; }

    void advance(Direction& d) {
        if (rules_.is_over()) return;
        if (rules_.is_input_over(d.source.leg)) return await_release(d.source, d);
        if (d.limit) return advance_limited(d);
        const std::uint64_t before = d.pump.bytes();
        const Pump::Step step = d.pump.run_if_due(set_.tools(), d.source.connection->bytes(),
                                                  d.sink.connection->bytes());
        note_moved(d, before);
        go_on(d, step);
    }

    void advance_limited(Direction& d) {
        const std::uint64_t before = d.pump.bytes();
        const auto step =
            d.limit->run(set_.tools(), d.source.connection->bytes(), d.sink.connection->bytes());
        note_moved(d, before);
        if (step) return go_on(d, *step);
        if (const ByteQuota* quota = d.limit->used_up()) {
            return reset({StreamEnd::Cause::quota, {}, quota->why()});
        }
        ++pending_;
        watch_errors(d.source);
    }

    void note_moved(Direction& d, std::uint64_t before) {
        if (d.pump.bytes() == before) return;
        d.sink.unacknowledged = true;
        stream_->has_moved(d.source.leg, d.pump.bytes());
    }

    void go_on(Direction& d, Pump::Step step) {
        switch (step) {
            case Pump::Step::wait_readable:
                d.source.connection->wait_for_input(d);
                ++pending_;
                return;
            case Pump::Step::wait_writable: wait_for_sink(d); return;
            case Pump::Step::yield:
                d.source.connection->soon(d);
                ++pending_;
                return;
            case Pump::Step::ended: end(d); return;
            case Pump::Step::source_failed: fail_source(d, d.pump.error()); return;
            case Pump::Step::sink_failed: fail(d.sink, d.pump.error()); return;
        }
    }

    /// The source's end becomes the sink's.
    void end(Direction& d) {
        const bool is_last = ends_the_stream(d);
        if (StreamFraming* framing = d.sink.framed()) framing->hold_end(is_last);
        const int result = d.sink.connection->shut_send();
        if (result != 0 && errno == EAGAIN) {
            wait_for_sink(d);  // no room for close_notify; then the pump says "ended" again
            return;
        }
        const int error = errno;
        rules_.input_ended(d.source.leg);
        d.sink.unacknowledged = true;  // the FIN
        if (result != 0) fail(d.sink, error);
        if (result == 0 && is_last) {
            stream_->is_ending();
            return finish();
        }
        await_release(d.source, d);
        close_when_done();
    }

    /// Behind this direction's end nothing is waited for: that and `free` can leave together.
    bool ends_the_stream(Direction& d) {
        const StreamFraming* const framing = d.sink.framed();
        return framing != nullptr && framing->role() == StreamFraming::Role::responder &&
               rules_.has_input_ended(d.sink.leg) && !waits_for(d.source) && rules_.ends_cleanly();
    }

    /// Goes on reading a side whose input has ended for the word that all has arrived there.
    void await_release(Side& side, Direction& d) {
        if (rules_.is_over() || !rules_.has_input_ended(side.leg) || rules_.is_lost(side.leg) ||
            !side.awaits_release()) {
            return;
        }
        if (side.framed()->look_for_release() == 0) return close_when_done();
        if (errno != EAGAIN && errno != EINTR) return fail(side, errno);
        side.connection->wait_for_input(d);
        ++pending_;
    }

    void wait_for_sink(Direction& d) {
        d.sink.connection->wait_for_output(d);
        ++pending_;
        watch_errors(d.source);
    }

    void fail_source(Direction& d, int error) {
        rules_.input_is_over(d.source.leg);
        fail(d.source, error);
    }

    /// A side that is not read (back-pressure, or after its end) must still notice an RST.
    void watch_errors(Side& side) {
        if (rules_.is_over() || side.watching_errors || rules_.is_lost(side.leg)) return;
        side.connection->wait_for_error(side);
        side.watching_errors = true;
        ++pending_;
    }

    void look_for_error(Side& side) {
        if (const int error = side.connection->take_error(); error != 0) {
            fail(side, error);
        } else if (!side.connection->has_exceptional_state()) {
            watch_errors(side);  // an event from before the wait
        }
        // Otherwise watched again when the direction has moved, or urgent data would spin.
    }

    void fail(Side& side, int error) { fail(side, side.why_lost(error)); }
    /// `side` is lost: what came from it is still delivered, what was for it is not.
    void fail(Side& side, StreamEnd why) {
        if (rules_.is_over()) return;
        note_loss(side, std::move(why));
        Direction& towards = direction_to(side);
        if (!rules_.is_input_over(towards.source.leg)) {
            rules_.input_is_over(towards.source.leg);
            towards.pump.discard(set_.pipes_);
            stop_waiting(towards);
        }
        direction_from(side).pump.source_was_reset();
        // No event of a vanished peer would end a wait.
        if (!side.was_reset_in_order()) stop_receiving(side.connection->fd());
        close_when_done();
    }

    void stop_waiting(Direction& d) {
        if (d.limit && d.limit->stop()) --pending_;
    }

    void look_for_end(Clock::time_point now) {
        switch (rules_.next(now)) {
            case EndRules::Next::go_on: return;
            case EndRules::Next::wait_for_arrival: try_close(); return;
            case EndRules::Next::close: finish(); return;
        }
    }

    void close_when_done() {
        if (rules_.is_over() || !rules_.are_inputs_over()) return;
        stream_->is_ending();
        if (!try_close()) close_later();
    }

    void close_later() {
        closing_since_ = Clock::now();
        set_.close_later(*this);
    }

    bool try_close() {
        if (waits_for(client_) || waits_for(service_)) return false;
        finish();
        return true;
    }

    void finish() {
        if (rules_.is_over()) return;
        rules_.closed();
        for (Direction* d : {&up_, &down_}) {
            d->pump.discard(set_.pipes_);
            stop_waiting(*d);
        }
        for (const Side* side : {&client_, &service_}) note_wire(*side);
        EndedStream ended{client_.give_back(rules_), service_.give_back(rules_)};
        set_.relays_.erase(this);
        set_.closing_.erase(this);
        if (stream_.is_stream()) counters().streams.take();
        for (const Direction* d : {&up_, &down_}) {
            stream_->has_moved(d->source.leg, d->pump.bytes());  // also what ran out of memory
        }
        stream_.has_ended(opened_, rules_.end());
        stream_.leave();
        try {
            on_end_(std::move(ended));
        } catch (const std::bad_alloc&) {
            // A stream that might have followed is lost, and its connection with it.
        }
    }

    /// Does what a pending operation was for, and counts it as done. If memory runs out half of it
    /// may be undone, and the ends can not be exact any more: the stream is lost, and no other.
    template <class F>
    void finish_step(F step) {
        try {
            step();
        } catch (const std::bad_alloc&) {
            reset({StreamEnd::Cause::internal, {}, "out of memory"});
        }
        release();
    }

    RelaySet& set_;
    Side client_, service_;
    Direction up_, down_;
    StreamEntry stream_;
    Once<void(EndedStream)> on_end_;
    const Clock::time_point opened_;
    EndRules rules_;
    Clock::time_point closing_since_{};
    ProgressWatch moving_;
    unsigned pending_ = 0;
};

}  // namespace inout
