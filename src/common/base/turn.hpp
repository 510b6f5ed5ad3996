// Turn: what one connection, or one listener, may do before the others of its worker are due.
//
// Charged in bytes of the wire and in operations. Bytes alone bound nothing: a record of one byte,
// one without content, or a short message costs its sender next to nothing, and us a key, a parse
// or an answer. Whoever reads without waiting in between charges what it reads, and stops when the
// turn is over: a Connection has one for all that it reads as frames, a direction of a stream one
// for each step. A value, on its owner's thread; pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/base/limits.hpp"

namespace inout {

class Turn {
  public:
    /// What is charged, in operations: a read or a record is one; the others cost more.
    static constexpr unsigned kRead = 1, kAccept = 4, kMessage = 16;

    explicit Turn(std::uint32_t bytes = kTurnBytes) : bytes_(bytes) {}

    void spend(unsigned operations, std::size_t bytes = 0) {
        operations_ -= std::min(operations_, operations);
        bytes_ -= static_cast<std::uint32_t>(std::min<std::size_t>(bytes_, bytes));
    }
    /// The others are due; whoever has let them begins a new one.
    bool is_over() const { return operations_ == 0 || bytes_ == 0; }

  private:
    unsigned operations_ = kTurnOperations;
    std::uint32_t bytes_;
};

}  // namespace inout
