// The parts of a relay (relay.cpp): its two sides and its two directions. Owned by the relay, on
// its worker's thread.
#pragma once

#include <cerrno>

#include "common/net/connection.hpp"
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
        const bool waits = !sample.all_acknowledged();
        moved += sample.acked_bytes;
        if (!waits) unacknowledged = false;
        if (watch.dead(sample, now, options.peer_timeout)) return Verdict::dead;
        return taking.stuck(sample.acked_bytes, waits, now, options.stall_timeout)
                   ? Verdict::stalled
                   : Verdict::lives;
    }

    StreamEnd why_lost(int error) const {
        const ByteLayer& bytes = connection->bytes();
        if (const auto own = bytes.last_error(); own && own.category() != std::system_category()) {
            return {StreamEnd::Cause::tls, leg, bytes.failure()};
        }
        return {error == ETIMEDOUT ? StreamEnd::Cause::timeout : StreamEnd::Cause::reset, leg};
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

    Relay& relay;
    RelaySide& source;
    RelaySide& sink;
    Pump pump;
};

}  // namespace inout
