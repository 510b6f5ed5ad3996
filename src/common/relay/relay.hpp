// Relays: carries the bytes of opened streams, each between two connections, with exact ends.
//
// One set per worker; a stream lives and dies on that worker's thread. FIN becomes FIN and the
// other direction goes on; RST (or a dead peer) becomes RST, after what came before it was
// delivered; a stream is over only when the kernel has delivered everything. Then its log line is
// written, and both connections go back to whoever gave them: open for another stream, or closed.
// Has the table of the worker's streams, those that are being opened too. docs/architecture.md,
// "The end of a stream".
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "common/base/once.hpp"
#include "common/net/connection.hpp"
#include "common/relay/direction_limit.hpp"
#include "common/relay/peer_watch.hpp"
#include "common/relay/pump.hpp"
#include "common/relay/stream_table.hpp"
#include "common/rules/stream_end.hpp"

namespace inout {

struct RelayOptions {
    /// A leg whose peer acknowledges nothing for this long, with bytes under way, is reset.
    Milliseconds peer_timeout{30'000};
    /// So is a stream in which nothing moves for this long; 0: never.
    Milliseconds idle_timeout{0};
    /// And one in which bytes wait for a side that takes none for this long; 0: never.
    Milliseconds stall_timeout{0};

    bool demands_progress() const {
        return idle_timeout > Milliseconds{0} || stall_timeout > Milliseconds{0};
    }
};

/// One connection of a stream that has ended.
struct EndedLeg {
    /// Reusable: as its stream has left it, with no wait pending. Spent: closed already.
    ConnectionPtr connection;
    LegVerdict verdict = LegVerdict::spent;
};
struct EndedStream {
    EndedLeg client, service;
};

/// A stream that is open, as its opening gives it to the relays.
struct OpenStream {
    ConnectionPtr client_side, service_side;
    StreamEntry entry;
    /// Has already passed the client's first bytes on (EarlyData).
    Pump up{};
    /// Nothing: there are none.
    std::unique_ptr<StreamLimits> limits{};
    /// Called once, however the stream ends: it has its line in the log, and is in the table no
    /// more. So what it holds, the stream's places, is released then. On the worker's thread; may
    /// start a stream. If memory runs out in it, what it was given is reset.
    Once<void(EndedStream)> on_end{};
};

class Relay;

class RelaySet {
  public:
    RelaySet(asio::io_context& context, const RelayOptions& options);
    RelaySet(const RelaySet&) = delete;
    RelaySet& operator=(const RelaySet&) = delete;
    /// Ends every stream as reset_all() does: whom they call then must still be there.
    ~RelaySet() { reset_all({.cause = StreamEnd::Cause::drain, .words = "the worker ends"}); }

    /// Borrows both connections and carries the stream to its end, which may come before this
    /// returns. If this throws nothing was begun, and nobody is called.
    void start(OpenStream stream);
    /// Ends every stream with RST on both sides. Needs no memory but for a long reason.
    void reset_all(const StreamEnd& why);
    /// The same for one that is or was in the table of this set, as soon as the worker comes to it,
    /// and if it is being opened as soon as it is open. From any thread.
    void reset(const std::shared_ptr<StreamRecord>& stream, const StreamEnd& why);
    /// The same for all of these, which may be thousands: a few in a turn, and between the turns
    /// the worker sees to its other streams.
    void reset(StreamTable::Records streams, const StreamEnd& why);
    /// Of the streams that run, too. From any thread.
    void set_options(const RelayOptions& options);
    /// Those that are being opened and those that run.
    StreamTable& streams() { return streams_; }
    std::size_t size() const { return relays_.size(); }
    /// What the pumps of this worker share.
    Pump::Tools tools() { return {pipes_, {buffer_.get(), kCopyBytes}}; }

  private:
    friend class Relay;
    static void reset_here(StreamRecord& stream, const StreamEnd& why);
    void reset_some(StreamTable::Records streams, const StreamEnd& why);
    void sweep_later();
    void sweep();
    void close_later(Relay& relay);

    asio::io_context& context_;
    RelayOptions options_;
    PipePool pipes_;
    std::unique_ptr<char[]> buffer_;
    StreamTable streams_;
    std::unordered_set<Relay*> relays_;   // each deletes itself after its last pending operation
    std::unordered_set<Relay*> closing_;  // ended, waiting for the last acknowledgements
    Timer sweep_timer_, close_timer_;
    bool sweeping_ = false, close_pending_ = false;
};

}  // namespace inout
