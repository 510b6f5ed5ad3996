// EventQueue: the kernel's queue of what has happened on descriptors, edge-triggered (epoll(7)).
//
// Each event is told once: whoever is told remembers it until a call says that there is nothing
// more. One thread at a time, except that descriptors may be added from any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/os/unique_fd.hpp"

namespace inout {

/// A set of what may happen. The last three are told without being asked for.
using Events = std::uint32_t;
inline constexpr Events kInput = 1, kOutput = 2;
inline constexpr Events kUrgent = 4;     ///< urgent data, before which splice(2) stops
inline constexpr Events kPeerEnded = 8;  ///< the peer has ended its direction
inline constexpr Events kOver = 16;      ///< an error, or both directions are over

class EventQueue {
  public:
    /// Throws std::system_error without descriptors or memory.
    EventQueue();
    int fd() const { return fd_.get(); }

    /// 0, or an errno. `data` comes with each event; not null.
    int add(int fd, Events events, void* data);
    /// The same for one that is there; what holds now is told again.
    int change(int fd, Events events, void* data);
    void remove(int fd);

    struct Told {
        Events events;
        void* data;
    };
    static constexpr std::size_t kTakenMax = 128;
    /// What has happened, at most kTakenMax; never waits. How many.
    std::size_t take(std::span<Told, kTakenMax> told);

  private:
    UniqueFd fd_;
};

}  // namespace inout
