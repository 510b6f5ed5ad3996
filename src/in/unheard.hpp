// Unheard: clients that have a place in the descriptors of a server and have not yet said, as they
// must first, what they want or whose connection they are.
//
// When there is no place left the one that came first makes room, never the newcomer: whoever has
// something to say gets a place, whatever crowd of silent ones is here. Thread-safe; every
// operation takes the same short time. Each Stay is in its client's frame, and on its thread.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "common/net/close_soon.hpp"

namespace inout::in {

class Unheard {
  public:
    Unheard() = default;
    Unheard(const Unheard&) = delete;
    Unheard& operator=(const Unheard&) = delete;

    /// Until a client has said it all, or is told why it is refused.
    class Stay {
      public:
        /// `unheard` must outlive it.
        Stay(Unheard& unheard, const ConnectionPtr& client);
        Stay(const Stay&) = delete;
        Stay& operator=(const Stay&) = delete;
        ~Stay();

        /// It was closed because a newer one needed the place.
        bool has_made_room() const;

      private:
        friend class Unheard;
        Unheard& unheard_;
        const Executor executor_;
        const ConnectionPtr lent_;
        const std::weak_ptr<Connection> closable_;
        std::atomic<bool> makes_room_{false};
        std::list<Stay*>::iterator place_{};  // under the lock, as long as it makes no room
    };

    /// Has the one that came first closed a moment later, on its worker, which is returned;
    /// nothing: there is none. Any thread.
    std::optional<Executor> end_first();

  private:
    std::mutex mutex_;
    std::list<Stay*> stays_;  // in the order of their arrival
};

}  // namespace inout::in
