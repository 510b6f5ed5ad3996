#include "out/health_check.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "out/backend_question.hpp"

namespace inout::out {
namespace {

/// Where too many are being asked, one waits so long.
constexpr Milliseconds kNoRoomPause{100};

}  // namespace

HealthCheck::HealthCheck(Worker& worker, std::shared_ptr<Backends> backends,
                         std::shared_ptr<QuestionRoom> room, std::function<void()> changed)
    : worker_(worker),
      backends_(std::move(backends)),
      room_(std::move(room)),
      changed_(std::move(changed)) {
    for (std::size_t i = 0; i < backends_->size(); ++i) {
        asked_.push_back(std::make_unique<Asked>(worker_.executor()));
    }
}

void HealthCheck::start() {
    for (std::size_t i = 0; i < asked_.size(); ++i) {
        spawn_for_ever(worker_.executor(), "health check",
                       [self = shared_from_this(), i] { return ask_for_ever(self, i); });
    }
}

void HealthCheck::stop() noexcept {
    stopped_ = true;
    for (const auto& each : asked_) {
        each->timer.cancel();
        if (const auto connection = each->connection.lock()) connection->close_clean();
    }
}

Task<> HealthCheck::ask_for_ever(std::shared_ptr<HealthCheck> self, std::size_t index) {
    const Milliseconds interval = self->backends_->health()->interval;
    Timer& timer = self->asked_[index]->timer;
    auto pause = std::chrono::duration_cast<Clock::duration>(interval * random_unit());
    while (!self->stopped_) {
        timer.expires_after(pause);
        co_await timer.async_wait(use_result);
        if (self->stopped_) co_return;
        if (self->room_->is_full()) {
            pause = std::chrono::duration_cast<Clock::duration>(kNoRoomPause * random_unit());
            continue;
        }
        const auto begun = Clock::now();
        const auto failure = co_await self->ask(index);
        if (self->stopped_) co_return;
        self->heed(index, failure);
        // A tenth more or less: those that began together part.
        const auto next = begun + std::chrono::duration_cast<Clock::duration>(
                                      interval * (0.9 + 0.2 * random_unit()));
        pause = std::max<Clock::duration>(next - Clock::now(), Clock::duration::zero());
    }
}

/// Nothing: it works; else what is wrong.
Task<std::optional<std::string>> HealthCheck::ask(std::size_t index) {
    const QuestionRoom::Place place(room_);
    Dialled dialled = [this, index](const ConnectionPtr& connection) {
        asked_[index]->connection = connection;
        return !stopped_;
    };
    auto asked = ask_backend(worker_.executor(), backends_, index, backends_->health()->timeout,
                             std::move(dialled));
    const auto failure = co_await std::move(asked);
    if (!failure) co_return std::nullopt;
    co_return failure->detail;
}

void HealthCheck::heed(std::size_t index, const std::optional<std::string>& failure) {
    const auto change = backends_->was_asked(index, !failure);
    if (change == Backends::Change::nothing) return;
    const std::string& name = backends_->at(index)->name;
    log::limited(failure ? log::Level::warning : log::Level::info, log::Kind::change,
                 failure ? "backend down" : "backend up", backends_->topic() + " at " + name,
                 {{"topic", backends_->topic()},
                  {"backend", name},
                  {failure ? "reason" : "", failure.value_or("")}});
    if (change == Backends::Change::of_all) changed_();
}

}  // namespace inout::out
