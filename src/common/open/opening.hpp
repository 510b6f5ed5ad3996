// Opening: a stream while it is being opened, and the one log line if that fails. Counted for as
// long as it lives, and in its worker's table of streams, where it stays when it is open. In the
// frame of the conversation that opens the stream, on its worker.
#pragma once

#include <string>

#include "common/base/counters.hpp"
#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/relay/relay.hpp"
#include "common/rules/reason.hpp"

namespace inout {

class Opening {
  public:
    /// `client_side` is the connection of who asks. An empty `id` (from a 0.0.1 peer) gets one that
    /// is ours alone. `asker`, an identity or a source, is who is to blame if there is no such
    /// topic: names of topics are endless.
    Opening(RelaySet& relays, const Connection& client_side, std::string id, std::string topic,
            std::string client, std::string asker = {})
        : stream_(relays.streams(), id.empty() ? random_hex(kStreamIdDigits) : std::move(id),
                  std::move(topic), std::move(client), client_side.peer_endpoint()),
          asker_(std::move(asker)) {}

    const std::string& id() const { return stream_->id; }
    const std::string& client() const { return stream_->client; }

    void failed(Code code, const std::string& detail) const {
        stream_.has_failed(code, detail, asker_);
    }
    void failed(const Reason& reason) const { failed(reason.code, reason.detail); }

    /// What is tried for it, and which try that is.
    void goes_to(Destination destination, unsigned tries) {
        stream_->goes_to(std::move(destination), tries);
    }

    /// It came over another proxy.
    void came_by(Hop hop) { stream_->came_by(std::move(hop)); }

    /// The stream is open: its entry, for the relay.
    StreamEntry finish(const char* client_side, const char* service_side) {
        stream_.client_side = client_side;
        stream_.service_side = service_side;
        return std::move(stream_);
    }

  private:
    StreamEntry stream_;
    std::string asker_;
    Counted counted_{counters().opening};
};

}  // namespace inout
