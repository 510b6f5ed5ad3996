// Pump: moves the bytes of one direction of a stream. Knows layers, not asio.
//
// Between two legs that can be spliced it starts with recv/send through its worker's one buffer;
// after a read that filled it, it borrows a pipe and splices, and gives the pipe back, empty,
// whenever the source is drained. So an idle direction holds nothing, and a blocked one holds one
// pipe or at most kCopyBytes. A leg with TLS is always copied. run() does what can be done now and
// says what to wait for. Worker's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/base/turn.hpp"
#include "common/os/byte_layer.hpp"
#include "common/relay/pipe_pool.hpp"

namespace inout {

class Pump {
  public:
    /// What all pumps of one worker share.
    struct Tools {
        PipePool& pipes;
        std::span<char> buffer;  ///< kCopyBytes long, or less: no read is larger
        /// Nor is any splice.
        std::size_t splice_max = std::numeric_limits<std::size_t>::max();
    };

    enum class Step {
        wait_readable,  ///< the source has nothing now (its TLS may want to write first)
        wait_writable,  ///< the sink takes nothing now (its TLS may want to read first)
        yield,          ///< there is more, but others are due
        ended,          ///< the source ended cleanly and all of it was delivered
        source_failed,  ///< see error(); all that came before was delivered
        sink_failed,    ///< see error()
    };
    /// Moves up to about `turn_bytes` (a last read may exceed it) before it yields.
    Step run(const Tools& tools, ByteLayer& source, ByteLayer& sink,
             std::uint32_t turn_bytes = kTurnBytes);

    /// The same for who waits as it says and is told of more: a source that is known to have
    /// nothing is not asked.
    Step run_if_due(const Tools& tools, ByteLayer& source, ByteLayer& sink,
                    std::uint32_t turn_bytes = kTurnBytes) {
        const bool would_only_ask =
            !leftover_ && !pipe_ && !source_ended_ && !sink_failed_ && source.is_drained();
        return would_only_ask ? Step::wait_readable : run(tools, source, sink, turn_bytes);
    }

    /// Appends what the source has now, at most a buffer full, to `out`, whose owner sends it on.
    /// False: the source has failed, see error().
    bool take(const Tools& tools, ByteLayer& source, std::string& out);

    /// From now on an end of the source is a reset: the kernel reports an error once and then says
    /// "end", and another call of the stream may have seen the error first.
    void source_was_reset() { source_reset_ = true; }
    bool was_source_reset() const { return source_reset_; }
    /// A write of the caller's own to the sink has failed, with this errno. run() reports it, as
    /// the kernel tells an error once.
    void sink_was_lost(int error) { fail(Step::sink_failed, error); }
    bool has_lost_sink() const { return sink_failed_; }
    /// The next sink is another one.
    void forget_sink() { sink_failed_ = false; }
    /// Of what take() has handed out, these bytes were not sent: run() does. At most 64 KiB.
    void owe(std::string_view unsent) {
        if (unsent.empty()) return;
        bytes_ -= unsent.size();
        keep(unsent);
    }
    /// From now on, for who waits between reads: a pipe would be held meanwhile.
    void only_copy() { splice_unsupported_ = true; }
    bool has_source_ended() const { return source_ended_; }
    /// Forgets what is held, because the sink is gone.
    void discard(PipePool& pipes);

    /// Delivered to the sink's kernel, or handed out by take().
    std::uint64_t bytes() const { return bytes_; }
    /// Taken from the source, and not delivered yet.
    std::size_t held() const {
        return (leftover_ ? leftover_end_ - leftover_begin_ : 0) + (pipe_ ? pipe_->held : 0);
    }
    int error() const { return error_; }  ///< errno of a failure; 0 if another call saw it
    /// Whether any byte of the source is no longer in its kernel buffer.
    bool has_taken() const { return taken_; }
    bool holds_pipe() const { return pipe_.has_value(); }

  private:
    std::optional<Step> deliver(ByteLayer& sink);
    std::optional<Step> copy(const Tools& tools, ByteLayer& source, ByteLayer& sink, Turn& turn);
    std::optional<Step> fill_pipe(const Tools& tools, ByteLayer& source, Turn& turn);
    void keep(std::string_view bytes);
    Step source_drained(const Tools& tools);
    Step fail(Step step, int error);

    bool splicing_ = false;
    bool splice_unsupported_ = false;
    bool source_ended_ = false;
    bool source_reset_ = false;
    bool taken_ = false;
    bool sink_failed_ = false;  // for good: the kernel tells it once, and run() again and again
    unsigned char small_bursts_ = 0;  // in a row
    int error_ = 0;
    std::uint64_t bytes_ = 0;
    std::size_t burst_bytes_ = 0;  // since the pipe was borrowed
    std::optional<Pipe> pipe_;
    std::unique_ptr<char[]> leftover_;  // what a full sink did not take, from leftover_begin_
    std::uint16_t leftover_begin_ = 0, leftover_end_ = 0;
};

}  // namespace inout
