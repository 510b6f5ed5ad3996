// The streams that run, with who asked for them and who serves them, for whoever ends some of them.
// Thread-safe; a stream is added and leaves on its worker's thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "common/relay/relay.hpp"
#include "proxy/registration.hpp"

namespace inout::proxy {

class RunningStreams {
  public:
    /// One of them, in the list for as long as it lives.
    struct Stream {
        Stream(RunningStreams& list, RelaySet& relay_set, std::shared_ptr<StreamRecord> entry,
               StandingPtr asked, std::shared_ptr<Registration> serves);
        Stream(const Stream&) = delete;
        Stream& operator=(const Stream&) = delete;
        ~Stream();

        RelaySet& relays;
        const std::shared_ptr<StreamRecord> record;
        const StandingPtr standing;  ///< of who asked
        /// Who serves it; nothing: another proxy, which has that one.
        const std::shared_ptr<Registration> registration;

        /// Whether one of both is this one.
        bool concerns(const Identity& who) const {
            return standing->asker() == who || server() == who;
        }
        /// Who serves it; anonymous, if another proxy does.
        Identity server() const { return registration ? registration->identity() : Identity{}; }

      private:
        friend class RunningStreams;
        RunningStreams& list_;
        Stream *next_ = nullptr, *previous_ = nullptr;  // under the list's lock
    };

    RunningStreams() = default;
    RunningStreams(const RunningStreams&) = delete;
    RunningStreams& operator=(const RunningStreams&) = delete;

    /// Ends those of which this says so with RST on both sides, a few in a turn of their workers.
    /// How many.
    std::size_t reset_if(const std::function<bool(const Stream&)>& unwanted, const StreamEnd& why);

  private:
    std::mutex mutex_;
    Stream* first_ = nullptr;
};

}  // namespace inout::proxy
