// NatsClient: the connection to one of several servers of NATS, for ever.
//
// All that is done to it is done on a thread of its own, because libnats may wait for the server
// there; who asks for it never waits. If a connection is lost, or does not carry our own messages
// back in time, the next server is tried, and what is wanted is subscribed anew. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/limits.hpp"
#include "common/base/result.hpp"
#include "common/cluster/effects.hpp"
#include "common/cluster/nats_options.hpp"

namespace inout::cluster {

/// A server that takes nothing for this long has gone.
inline constexpr Milliseconds kNatsWriteDeadline{2'000};
/// For one attempt to connect, look-up of the name excluded.
inline constexpr Milliseconds kNatsConnect{2'000};
/// How often a message is sent that ought to come back, and how long it may take.
inline constexpr Milliseconds kNatsProbe{1'000}, kNatsSilence{5'000};
/// The first ones follow each other faster. Of so many the fastest tells the round trip: what the
/// others took longer was spent in this process.
inline constexpr std::size_t kNatsRoundTrips = 8;
inline constexpr Milliseconds kNatsFirstProbes{20};
/// Before the next attempt, at first and at most; by chance up to a half shorter.
inline constexpr Milliseconds kNatsPause{250}, kNatsPauseMax{8'000};
/// Messages and bytes of one subscription that wait to be heard; beyond, they are lost.
inline constexpr int kNatsUnheardMax = 16'384, kNatsUnheardMaxBytes = 16'777'216;

class NatsClient {
  public:
    /// Called on threads of NATS, one at a time for each of `heard` and the others; quickly.
    class Listener {
      public:
        Listener() = default;
        Listener(const Listener&) = delete;
        Listener& operator=(const Listener&) = delete;
        virtual ~Listener() = default;
        /// All that was asked for is subscribed at this server.
        virtual void connected(const std::string& server) = 0;
        virtual void disconnected(const std::string& server, const std::string& reason) = 0;
        virtual void took(Clock::duration round_trip) = 0;
        virtual void heard(std::string_view subject, std::string_view reply,
                           std::string_view body) = 0;
        /// What was published with this reply has no listener.
        virtual void nobody_listens(std::string_view reply) = 0;
    };

    NatsClient() = default;
    NatsClient(const NatsClient&) = delete;
    NatsClient& operator=(const NatsClient&) = delete;
    virtual ~NatsClient() = default;

    /// `probe`: a subject that only this proxy listens to, with a subscription of its own. The
    /// failure: a file that can not be used.
    static Result<std::shared_ptr<NatsClient>, std::string> make(const NatsOptions& options,
                                                                 std::string probe);
    /// Once.
    virtual void start(std::weak_ptr<Listener> listener) = 0;
    /// False: a message, and there was no room, or no connection.
    virtual bool apply(const Operation& operation) = 0;
    /// A message, on a thread that calls a listener: it may wait for the server, and so needs no
    /// other thread. False: it is lost.
    virtual bool answer(const Operation& message) = 0;
    /// Nothing is heard any more. Waits for its thread, but not longer than kNatsConnect and
    /// kNatsWriteDeadline together.
    virtual void stop() = 0;
};

}  // namespace inout::cluster
