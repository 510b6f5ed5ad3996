// Asks the backends of one network, again and again, whether they work: a connection, or how what
// they say first begins. On the main thread; shared by its service and by the questions under way.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/app/worker.hpp"
#include "out/backends.hpp"

namespace inout::out {

/// How many are asked at the same time, of all networks: each costs a descriptor. Main thread.
class QuestionRoom {
  public:
    static constexpr std::size_t kMax = 256;

    /// For as long as it lives.
    class Place {
      public:
        explicit Place(std::shared_ptr<QuestionRoom> room) : room_(std::move(room)) {
            ++room_->taken_;
        }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place() { --room_->taken_; }

      private:
        std::shared_ptr<QuestionRoom> room_;
    };
    bool is_full() const { return taken_ >= kMax; }

  private:
    std::size_t taken_ = 0;
};

class HealthCheck : public std::enable_shared_from_this<HealthCheck> {
  public:
    /// `backends` has a health check. `changed` is called when all of them are down, or are no
    /// longer; not after stop().
    HealthCheck(Worker& worker, std::shared_ptr<Backends> backends,
                std::shared_ptr<QuestionRoom> room, std::function<void()> changed);
    HealthCheck(const HealthCheck&) = delete;
    HealthCheck& operator=(const HealthCheck&) = delete;

    /// Once. The first questions are spread over one interval.
    void start();
    /// Asks no more, and heeds no answer.
    void stop() noexcept;

  private:
    /// The questions to one backend.
    struct Asked {
        explicit Asked(const Executor& executor) : timer(executor) {}
        Timer timer;
        std::weak_ptr<Connection> connection;
    };

    static Task<> ask_for_ever(std::shared_ptr<HealthCheck> self, std::size_t index);
    Task<std::optional<std::string>> ask(std::size_t index);
    void heed(std::size_t index, const std::optional<std::string>& failure);

    Worker& worker_;
    const std::shared_ptr<Backends> backends_;
    const std::shared_ptr<QuestionRoom> room_;
    std::function<void()> changed_;
    std::vector<std::unique_ptr<Asked>> asked_;
    bool stopped_ = false;
};

}  // namespace inout::out
