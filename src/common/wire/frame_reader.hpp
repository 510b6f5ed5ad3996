// FrameReader: the frames of one connection, told apart even where two writers were at work.
//
// The original's proxy writes a frame's header and its body with two calls, from two goroutines on
// one connection: a parked connection's Response and its DataActiveRequest, a Pong and a
// NewDataRequest. Each call's bytes stay together, but the four may come in any order that keeps
// each header before its body. As both lengths are known by then, nothing is lost:
//
//     header A  header B  body A  body B        header A  header B  body B  body A
//
// Never asks for more bytes than the frames that have begun must have, because raw bytes may follow
// them. Pure; keeps at most two bodies.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace inout {

class FrameReader {
  public:
    explicit FrameReader(std::size_t max_body_bytes) : max_body_bytes_(max_body_bytes) {}

    /// How many more bytes are needed before anything can be said; at least 1, and there whatever
    /// the peer's order was.
    std::size_t wanted() const { return need_ - bytes_.size(); }
    /// At most wanted() of them.
    void add(std::string_view bytes) { bytes_ += bytes; }

    enum class State {
        incomplete,  ///< wanted() more
        body,        ///< body() has the next one
        garbage,     ///< a length out of range, or no order in which these could be frames
    };
    /// To be asked after add(); what it returns is taken out.
    State next();
    const std::string& body() const { return body_; }

    /// What was read and is no body yet; for words about garbage.
    std::string_view unread() const { return bytes_; }
    /// Between two frames: none has begun.
    bool is_idle() const { return lengths_.empty() && bytes_.empty(); }

  private:
    State take(std::size_t which);

    std::size_t max_body_bytes_;
    std::size_t need_ = kHeader;
    std::string bytes_;                 // of what comes next, a header or a body
    std::vector<std::size_t> lengths_;  // of the bodies that are still to come, two at most
    std::string body_;
    static constexpr std::size_t kHeader = 8;
};

}  // namespace inout
