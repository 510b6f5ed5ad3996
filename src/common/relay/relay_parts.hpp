// The parts of a relay (relay.cpp): its two sides and its two directions. Owned by the relay, on
// its worker's thread.
#pragma once

#include <cerrno>
#include <memory>

#include "common/net/connection.hpp"
#include "common/relay/direction_limit.hpp"
#include "common/relay/peer_watch.hpp"
#include "common/relay/pump.hpp"
#include "common/relay/relay.hpp"
#include "common/rules/stream_end.hpp"

namespace inout {

struct RelaySide final : Waiter {
    RelaySide(Relay& of, ConnectionPtr c, StreamLeg l)
        : relay(of), connection(std::move(c)), leg(l) {}
    /// Its connection may have an error.
    void ready(std::error_code error) override;
    void abandon() override;

    Relay& relay;
    ConnectionPtr connection;  ///< nothing: given back
    const StreamLeg leg;
    bool watching_errors = false;
    bool closed = false;  ///< by both ends and acknowledged
    /// May have bytes or a FIN that the peer did not acknowledge; at first the opening's answer.
    bool unacknowledged = true;
    PeerWatch watch;
    ProgressWatch taking;

    enum class Verdict { lives, dead, stalled };
    /// How its peer does, looked at once a sweep. Adds to `moved` what that has acknowledged.
    Verdict look(Clock::time_point now, const RelayOptions& options, std::uint64_t& moved) {
        connection->keep_alive();
        if (!unacknowledged && !options.demands_progress()) return Verdict::lives;
        const TcpSample sample = sample_tcp(connection->fd());
        const bool waits = !sample.all_acknowledged() || sample.unread;
        moved += sample.acked_bytes;
        if (!waits) unacknowledged = false;
        if (watch.dead(sample, now, options.peer_timeout)) return Verdict::dead;
        return taking.stuck(sample.acked_bytes, waits, now, options.stall_timeout)
                   ? Verdict::stalled
                   : Verdict::lives;
    }

    /// Where the stream's ends are not the connection's; nothing: they are, or it was given back.
    StreamFraming* framed() const {
        StreamFraming* const framing = connection ? connection->framing() : nullptr;
        return framing != nullptr && !framing->is_raw() ? framing : nullptr;
    }
    /// Reset, but its connection is whole.
    bool was_reset_in_order() const {
        const StreamFraming* const framing = framed();
        return framing != nullptr && framing->was_reset_by_peer();
    }
    /// It has ended, and its peer has not said yet that all of the stream has arrived.
    bool awaits_release() const {
        const StreamFraming* const framing = framed();
        return framing != nullptr && framing->awaits_release();
    }
    StreamEnd why_lost(int error) const {
        const ByteLayer& bytes = connection->bytes();
        if (const auto own = bytes.last_error(); own && own.category() != std::system_category()) {
            return {cause_of(own), leg, bytes.failure()};
        }
        return {error == ETIMEDOUT ? StreamEnd::Cause::timeout : StreamEnd::Cause::reset, leg};
    }

    struct Arrival {
        bool all;   ///< nothing is waited for any more
        int error;  ///< the connection is over by an RST, which is no delivery
    };
    /// Whether its peer has all of the stream. A reset that can be said in frames waits for
    /// nothing.
    Arrival look_for_arrival(bool cleanly) {
        if (const StreamFraming* const framing = framed()) {
            if (cleanly) return {!framing->awaits_release(), 0};
            if (framing->can_reset() || framing->was_reset_by_peer()) return {true, 0};
        }
        const TcpSample sample = sample_tcp(connection->fd());
        closed = sample.closed;
        // Over in both directions, and nobody watches for an RST any more.
        return {sample.all_acknowledged(), closed ? connection->take_error() : 0};
    }

    /// Of a stream that is over.
    EndedLeg give_back(const EndRules& rules) {
        const bool cleanly = rules.ends_cleanly();
        LegVerdict verdict = LegVerdict::spent;
        if (rules.is_whole(leg, was_reset_in_order()) && comes_apart(cleanly)) {
            verdict = LegVerdict::reusable;
            connection->cancel_waits();
        } else if (cleanly) {
            close_clean();
        } else {
            connection->close();
        }
        return {std::move(connection), verdict};
    }

  private:
    StreamEnd::Cause cause_of(const std::error_code& own) const {
        if (own.category() == compression_category()) return StreamEnd::Cause::compression;
        const bool broken =
            own.category() != tls_category() ||
            (connection->framing() != nullptr && connection->framing()->is_broken());
        return broken ? StreamEnd::Cause::framing : StreamEnd::Cause::tls;
    }

    /// Whether its connection can carry another stream, of what concerns this leg alone. Ends our
    /// direction, in order, if nothing has.
    bool comes_apart(bool cleanly) const {
        StreamFraming* const framing = framed();
        if (framing == nullptr || framing->is_broken()) return false;
        if (cleanly || (framing->has_ended() && framing->was_reset_by_peer())) return true;
        if (!framing->can_reset()) return false;
        framing->reset_stream();
        return true;
    }

    void close_clean() {
        // What is over for the kernel needs no options for a clean end.
        if (closed) {
            connection->close();
        } else {
            connection->close_clean();
        }
    }
};

struct RelayDirection final : Waiter {
    RelayDirection(Relay& of, RelaySide& from, RelaySide& to) : relay(of), source(from), sink(to) {}
    /// What it waited for is there, or its turn.
    void ready(std::error_code) override;
    void abandon() override;
    /// Otherwise it waits for input only.
    bool is_ending_or_full() const { return pump.held() > 0 || pump.has_source_ended(); }

    Relay& relay;
    RelaySide& source;
    RelaySide& sink;
    Pump pump;
    /// Nothing: as fast as both sides can.
    std::unique_ptr<DirectionLimit> limit;
};

/// The word of a compressed direction that it rests, which has met a full leg. Made for that only;
/// goes when it is told.
struct RestingDirection final : Waiter {
    RestingDirection(Relay& of, RelayDirection& d) : relay(of), direction(d) {}
    void ready(std::error_code error) override;
    void abandon() override;

    Relay& relay;
    RelayDirection& direction;
};

}  // namespace inout
