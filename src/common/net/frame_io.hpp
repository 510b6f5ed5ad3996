// Messages over a connection. Takes exactly a frame's bytes, because raw bytes may follow, which
// stay unread; writes a frame in one call, because a 0.0.1 peer reads it in one. On the worker of
// the connection, which stays its owner's.
#pragma once

#include "common/net/connection.hpp"
#include "common/wire/frame.hpp"
#include "common/wire/frame_reader.hpp"
#include "common/wire/message.hpp"

namespace inout {

struct ReadError {
    enum class Kind {
        ended,         ///< FIN
        failed,        ///< RST, time-out, closed by us (see `cause`)
        malformed,     ///< not a frame or not a message
        unknown_type,  ///< a message that 0.0.1 plus ext does not have
    };
    Kind kind;
    std::error_code cause;
    std::string seen{};  ///< malformed: what came instead, at most its first kSeenMaxBytes

    bool is_garbage() const { return kind == Kind::malformed || kind == Kind::unknown_type; }
};
/// For logs.
std::string to_string(const ReadError& error);

/// The next message; `max_body_bytes` bounds what a peer may make us allocate. No deadline of its
/// own: the caller's Deadline closes the connection.
Task<Result<Message, ReadError>> read_message(Connection& connection, std::size_t max_body_bytes);

/// The messages of a connection, one by one, also where two writers mixed their frames (see
/// FrameReader). Whoever reads with it reads all that way.
class MessageReader {
  public:
    /// `connection` must outlive this.
    MessageReader(Connection& connection, std::size_t max_body_bytes)
        : connection_(connection), frames_(max_body_bytes) {}

    /// The next message, as read_message does.
    Task<Result<Message, ReadError>> next();
    /// Whether no frame has begun: raw bytes may follow.
    bool is_idle() const { return frames_.is_idle(); }

  private:
    Connection& connection_;
    FrameReader frames_;
};

Task<std::error_code> write_message(Connection& connection, const Message& message);

/// Ends framed talk so that the last frame sent arrives even if input is pending: FIN, then reads
/// and forgets up to kFarewellMaxBytes or kFarewell, then closes (docs/protocol.md, "Farewell").
Task<> say_farewell(Connection& connection);

/// Answers a request with a failure and ends the connection so that the answer arrives, within
/// twice kFarewell (docs/protocol.md, "Farewell").
Task<> refuse(Connection& connection, Response answer);

}  // namespace inout
