// Opening: what a program knows of a stream while it is being opened, and the one log line if that
// fails. Counted for as long as it lives. In the frame of the conversation that opens the stream,
// on its worker.
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
    /// An empty `id` (from a 0.0.1 peer) gets one that is ours alone. `asker`, an identity or a
    /// source, is who is to blame if there is no such topic: names of topics are endless.
    Opening(std::string id, std::string topic, std::string client, std::string asker = {})
        : info_{.id = id.empty() ? random_hex(kStreamIdDigits) : std::move(id),
                .topic = std::move(topic),
                .client = std::move(client),
                .arrived = Clock::now(),
                .keep = nullptr},
          asker_(std::move(asker)) {}

    const std::string& id() const { return info_.id; }
    const std::string& client() const { return info_.client; }

    void failed(Code code, const std::string& detail) const {
        counters().failed_total.add();
        const std::string word(to_string(code));
        const bool unknown = code == Code::no_topic && !asker_.empty();
        const std::string about = word + " " + (unknown ? asker_ : info_.topic);
        log::limited(level_of(code), log::Kind::failure, "open_failed", about,
                     {{"id", info_.id},
                      {"topic", info_.topic},
                      {"client", info_.client},
                      {"code", word},
                      {"detail", detail}});
    }
    void failed(const Reason& reason) const { failed(reason.code, reason.detail); }

    /// The stream is open: its record, for the relay.
    StreamInfo finish(const char* client_side, const char* service_side,
                      std::shared_ptr<void> keep = nullptr) {
        info_.client_side = client_side;
        info_.service_side = service_side;
        info_.keep = std::move(keep);
        return std::move(info_);
    }

  private:
    /// Who left, and programs that end, need nobody to do anything; all else does.
    static log::Level level_of(Code code) {
        switch (code) {
            case Code::client_gone:
            case Code::in_gone:
            case Code::proxy_gone:
            case Code::draining: return log::Level::info;
            default: return log::Level::warning;
        }
    }

    StreamInfo info_;
    std::string asker_;
    Counted counted_{counters().opening};
};

}  // namespace inout
