// EarlyData: passes a stream's first bytes on while it is still being opened, so that they need no
// round trip of their own.
//
// Reads about kEarlyBytes; what is more waits in the kernel. The client's FIN is held until the
// stream is open. What was passed is kept until then, so that it can go elsewhere if who has got it
// says that nothing was begun with it. What was not passed yet goes over to the relay in the pump.
// Lives in the frame of both connections, on their worker's thread. docs/protocol.md, "Early data".
#pragma once

#include <memory>
#include <string>

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

    /// Appends what was not passed on yet, and what is there already, to `frame`, so that all leave
    /// in one write.
    void append_to(std::string& frame);
    /// Passes what comes to `sink`, until pause() or take_pump(). When `sink`
    /// fails this only stops: whoever reads it learns more, perhaps a refusal, and if not, the
    /// relay learns of it from the pump.
    void pass_to(Connection& sink);
    void pause() { state_->sink = nullptr; }
    /// The caller's own write to the sink has failed, perhaps with bytes of append_to(): as when
    /// pass_to() meets that, the answer may have come all the same.
    void sink_was_lost(const std::error_code& error) { state_->pump.sink_was_lost(error.value()); }
    /// Whether any byte was taken from the source.
    bool has_taken() const { return state_->pump.has_taken(); }
    /// Whether any was passed on, or may have been, since the last begin_again().
    bool has_passed() const { return state_->passed; }
    /// Whether begin_again() would succeed.
    bool is_kept() const { return state_->counted || !state_->passed; }
    /// Nothing that was passed on has had an effect: it goes to the next sink, from the beginning.
    /// False: it was passed on and not kept, because all openings together hold too much
    /// (kEarlyKeptMax); or nothing can be said of it any more.
    bool begin_again();
    /// Ends this; the relay goes on with the pump.
    Pump take_pump();

  private:
    struct State {
        State(RelaySet& r, Connection& s) : relays(r), source(s) {}
        State(const State&) = delete;
        State& operator=(const State&) = delete;
        ~State() { forget(); }
        void take();
        void forget();
        std::string_view unsent() const { return std::string_view(bytes).substr(sent); }

        RelaySet& relays;
        Connection& source;
        Connection* sink = nullptr;       // nothing: paused, or over; the rest may be gone then
        bool waiting_for_source = false;  // or for its next turn
        Pump pump;
        std::string bytes;     // taken so far
        std::size_t sent = 0;  // of these
        bool passed = false;   // the sink may have got some, whatever it said
        bool counted = true;   // in the bytes of all openings, or not kept once they are sent
        std::size_t counted_bytes = 0;
    };
    static void go_on(const std::shared_ptr<State>& state);
    static void advance(const std::shared_ptr<State>& state);
    static void wait_for_source(const std::shared_ptr<State>& state);

    std::shared_ptr<State> state_;
};

}  // namespace inout
