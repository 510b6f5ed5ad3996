// One out's claim to one topic, for as long as its control connection lives.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "common/base/quota.hpp"
#include "common/net/control_channel.hpp"
#include "common/protocol/access_policy.hpp"
#include "common/protocol/topic_registry.hpp"
#include "proxy/data_pool.hpp"

namespace inout {

struct Registration {
    RegistrationId id = 0;
    std::string topic;
    std::string out;  ///< its address, for the log
    bool ext = false;
    std::string ticket;    ///< secret; its data connections show it. Empty for a 0.0.1 out
    Identity identity;     ///< who registered; may lose its permission while this lives
    bool secured = false;  ///< over TLS; then its data connections must be too
    std::optional<Identity> certificate;  ///< of its connection, and so of its data connections
    std::shared_ptr<Quota::Place> topic_of_key{};  ///< shared with the key's others of this topic
    std::shared_ptr<ControlChannel> channel;
    std::shared_ptr<DataPool> pool;
    std::atomic<std::size_t> streams{0};  ///< running
    std::atomic<bool> replaced{false};    ///< by a newer one of the same instance

    /// From any thread.
    void send(Message message) const {
        asio::post(channel->executor(),
                   [to = channel, message = std::move(message)] { to->send(message); });
    }
    void notify(NoticeCode code, std::string text) const {
        if (ext) send(Notice{code, std::move(text)});
    }
};

}  // namespace inout
