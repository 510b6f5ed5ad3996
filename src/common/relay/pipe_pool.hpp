// PipePool: the pipes one worker splices through.
//
// A direction borrows a pipe for a burst and gives it back empty; a pipe that still holds bytes is
// closed, never pooled. Bounded, because unprivileged users share 64 MiB of pipe pages (pipe(7));
// when no pipe is to be had the relay copies. Worker's thread only.
#pragma once

#include <optional>
#include <vector>

#include "common/base/counters.hpp"
#include "common/os/pipe.hpp"

namespace inout {

struct Pipe : PipeEnds {
    std::size_t capacity = 0;  ///< bytes, as F_GETPIPE_SZ says
    std::size_t held = 0;      ///< bytes in it now
    Counted counted{counters().pipes};
    std::optional<Counted> large;  ///< set for one of the kLargePipesMax of the process
};

class PipePool {
  public:
    PipePool();
    /// An empty pipe, or nothing when descriptors, pages or the limit are spent.
    std::optional<Pipe> borrow();
    void give_back(Pipe pipe);
    /// Closes half of the unused pipes, all of a few; called about once a second.
    void trim();
    bool has_idle() const { return !idle_.empty(); }

  private:
    std::vector<Pipe> idle_;
    std::size_t lent_ = 0;
};

}  // namespace inout
