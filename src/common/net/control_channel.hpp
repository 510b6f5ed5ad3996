// ControlChannel: messages both ways over a control connection, with its heartbeat.
//
// One writer: messages are queued and leave in order, whoever sends them; a peer that does not read
// is cut when kOutboxMaxBytes wait. Silence beyond the heartbeat's timeout closes the connection,
// which ends the receive() under way. When sending fails, what has come is still received. Both out
// and proxy use it. Worker's thread only; shared, because pending operations keep it alive.
#pragma once

#include <memory>
#include <string>

#include "common/net/frame_io.hpp"
#include "common/rules/heartbeat.hpp"

namespace inout {

class ControlChannel : public std::enable_shared_from_this<ControlChannel> {
  public:
    explicit ControlChannel(ConnectionPtr connection);

    void send(const Message& message);
    /// The next message. After a failure the channel is closed; if sending has failed before, that
    /// is the cause.
    Task<Result<Message, ReadError>> receive();

    /// `ping_interval` zero: only watch.
    void start_heartbeat(Milliseconds ping_interval, Milliseconds timeout);
    void close();
    /// Watches a peer that does not announce its heartbeat, see Heartbeat::learning().
    void learn_heartbeat(Milliseconds least);
    /// Why receive() failed, for the log. What failed first says more than what follows from it.
    std::string why(const ReadError& error) const;
    bool timed_out() const { return timed_out_; }
    std::string peer() const { return connection_->peer(); }
    Executor executor() { return connection_->executor(); }
    Connection& connection() { return *connection_; }

  private:
    void flush();
    void beat();
    /// A step of a timer or a wait; without memory for it the connection is closed.
    void or_close(void (ControlChannel::*step)());
    void end_soon();

    const ConnectionPtr connection_;
    MessageReader reader_;
    std::string outbox_;
    bool overflowed_ = false;
    bool flushing_ = false;
    std::error_code send_error_;  // nothing is sent after it
    bool timed_out_ = false;
    Heartbeat heartbeat_;
    Timer timer_;
};

}  // namespace inout
