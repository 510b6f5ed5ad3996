// Opening: what a program knows of a stream while it is being opened, and the one log line if that
// fails. Counted for as long as it lives.
#pragma once

#include <string>

#include "common/base/counters.hpp"
#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/net/relay.hpp"
#include "common/protocol/code.hpp"

namespace inout {

class Opening {
  public:
    /// An empty `id` (from a 0.0.1 peer) gets one that is ours alone.
    Opening(std::string id, std::string topic, std::string client)
        : info_{.id = id.empty() ? random_hex(kStreamIdDigits) : std::move(id),
                .topic = std::move(topic),
                .client = std::move(client),
                .arrived = Clock::now(),
                .keep = nullptr} {}

    const std::string& id() const { return info_.id; }
    const std::string& client() const { return info_.client; }

    void failed(std::string_view code, const std::string& detail) const {
        counters().failed_total.fetch_add(1, std::memory_order_relaxed);
        log::info("open_failed", {{"id", info_.id},
                                  {"topic", info_.topic},
                                  {"client", info_.client},
                                  {"code", code},
                                  {"detail", detail}});
    }

    /// The stream is open: its record, for the relay.
    StreamInfo finish(const char* client_side, const char* service_side,
                      std::shared_ptr<void> keep = nullptr) {
        info_.client_side = client_side;
        info_.service_side = service_side;
        info_.keep = std::move(keep);
        return std::move(info_);
    }

  private:
    StreamInfo info_;
    Counted counted_{counters().opening};
};

}  // namespace inout
