// Probes that wait for one out's answer: asked on the worker of who asks, answered on that of the
// out's control connection. Bounded. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/net/asio.hpp"
#include "common/wire/message.hpp"

namespace inout::proxy {

/// Of one out at the same time: each has it dial a backend.
inline constexpr std::size_t kProbesOfOutMax = 4;

class OpenProbes {
  public:
    /// Of who asks, on its thread. The timer is its deadline, and ends early with an answer.
    struct Question {
        explicit Question(const Executor& executor) : timer(executor) {}
        Timer timer;
        std::optional<Response> answer;
    };
    using QuestionPtr = std::shared_ptr<Question>;

    /// Nothing: there are too many.
    QuestionPtr begin(const std::string& magic, const Executor& executor) {
        const std::lock_guard lock(mutex_);
        if (waiting_.size() >= kProbesOfOutMax) return nullptr;
        auto question = std::make_shared<Question>(executor);
        waiting_.emplace(magic, question);
        return question;
    }
    /// Whoever has begun it does so, answered or not.
    void end(const std::string& magic) {
        const std::lock_guard lock(mutex_);
        waiting_.erase(magic);
    }
    /// The out has said something; what nobody waits for is forgotten.
    void heard(const Response& answer) {
        const std::lock_guard lock(mutex_);
        const auto found = waiting_.find(answer.magic);
        if (found == waiting_.end()) return;
        asio::post(found->second->timer.get_executor(), [question = found->second, answer] {
            question->answer = answer;
            question->timer.cancel();
        });
    }

  private:
    std::mutex mutex_;
    std::map<std::string, QuestionPtr> waiting_;  // by the magic of the request
};

}  // namespace inout::proxy
