// EarlyData: passes a stream's first bytes on while it is still being opened, so that they need no
// round trip of their own.
//
// Reads about kEarlyBytes; what is more waits in the kernel. The client's FIN is held until the
// stream is open. What was passed and what is held goes over to the relay in the pump. Lives in the
// frame of both connections, on their worker's thread. docs/protocol.md, "Early data".
#pragma once

#include <memory>

#include "common/relay/relay.hpp"

namespace inout {

class EarlyData {
  public:
    /// A reset of `source` that is met here is noted there. Once a byte was taken, nothing is done
    /// on_reset() any more: the relay delivers what came before it, then resets. Both must outlive
    /// this.
    EarlyData(RelaySet& relays, Connection& source);
    EarlyData(const EarlyData&) = delete;
    EarlyData& operator=(const EarlyData&) = delete;
    ~EarlyData() { pause(); }

    /// Appends what is there already to `frame`, so that both leave in one write.
    void append_to(std::string& frame);
    /// Passes what comes to `sink`, until pause() or take_pump(). When `sink`
    /// fails this only stops: whoever reads it learns more, perhaps a refusal, and if not, the
    /// relay learns of it from the pump.
    void pass_to(Connection& sink);
    void pause() { state_->sink = nullptr; }
    /// The caller's own write to the sink has failed, perhaps with bytes of append_to(): as when
    /// pass_to() meets that, the answer may have come all the same.
    void sink_was_lost(const std::error_code& error) { state_->pump.sink_was_lost(error.value()); }
    /// Whether any byte was taken from the source: then no other sink may get the rest.
    bool has_taken() const { return state_->pump.has_taken(); }
    /// Ends this; the relay goes on with the pump.
    Pump take_pump();

  private:
    struct State {
        RelaySet& relays;
        Connection& source;
        Connection* sink = nullptr;       // nothing: paused, or over; the rest may be gone then
        bool waiting_for_source = false;  // or for its next turn
        Pump pump;
    };
    static void go_on(const std::shared_ptr<State>& state);
    static void advance(const std::shared_ptr<State>& state);

    std::shared_ptr<State> state_;
};

}  // namespace inout
