// NatsOutbox: what waits to be told to NATS: subjects whose subscription has changed, and messages.
//
// Of a subject only its last state counts, so they are as many as there are; messages are bounded,
// and are worth nothing without a connection. Pure; its owner locks.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/cluster/effects.hpp"

namespace inout::cluster {

/// What waits while NATS takes nothing; beyond, messages are lost.
inline constexpr std::size_t kNatsQueueMaxBytes = 8'388'608;

class NatsOutbox {
  public:
    struct Batch {
        std::vector<std::pair<std::string, bool>> subjects{};  ///< whether it is wanted
        std::deque<Operation> messages{};                      ///< to be sent behind them
    };

    /// There is a connection from now on, on which all of these are to be subscribed.
    std::vector<std::string> open() {
        is_open_ = true;
        return {wanted_.begin(), wanted_.end()};
    }
    void close() {
        is_open_ = false;
        changed_.clear();
        messages_.clear();
        bytes_ = 0;
    }

    /// False: a message that is lost.
    bool add(const Operation& operation) {
        using Kind = Operation::Kind;
        if (operation.kind == Kind::publish) return add_message(operation);
        if (operation.kind == Kind::subscribe) {
            wanted_.insert(operation.subject);
        } else {
            wanted_.erase(operation.subject);
        }
        if (is_open_) changed_.insert(operation.subject);
        return true;
    }

    bool is_empty() const { return changed_.empty() && messages_.empty(); }
    Batch take() {
        Batch batch;
        for (const auto& subject : changed_) {
            batch.subjects.emplace_back(subject, wanted_.contains(subject));
        }
        changed_.clear();
        batch.messages.swap(messages_);
        bytes_ = 0;
        return batch;
    }

  private:
    bool add_message(const Operation& message) {
        const std::size_t bytes =
            sizeof(Operation) + message.subject.size() + message.reply.size() + message.body.size();
        if (!is_open_ || bytes_ + bytes > kNatsQueueMaxBytes) return false;
        bytes_ += bytes;
        messages_.push_back(message);
        return true;
    }

    bool is_open_ = false;
    std::unordered_set<std::string> wanted_;   // subjects
    std::unordered_set<std::string> changed_;  // of them, or not any more
    std::deque<Operation> messages_;
    std::size_t bytes_ = 0;
};

}  // namespace inout::cluster
