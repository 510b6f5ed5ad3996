#include "out/health_check.hpp"

#include <algorithm>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/net/deadline.hpp"
#include "out/backend_dial.hpp"

namespace inout::out {
namespace {

/// Where too many are being asked, one waits so long.
constexpr Milliseconds kNoRoomPause{100};
/// What a backend that was asked still says is read and forgotten, so far and for so long: its end
/// of the connection shall be a clean one.
constexpr std::size_t kFarewellBytes = 65'536;
constexpr Milliseconds kFarewellTime{500};
constexpr std::size_t kShownBytes = 60;

/// Ends our side and waits for the backend's end: to one that is about to say something an RST
/// would be an error.
Task<> part_from(Connection& connection) {
    Deadline deadline(connection, Use::again);  // with FIN too
    deadline.expires_after(kFarewellTime);
    connection.shut_send();
    std::size_t read = 0;
    while (read < kFarewellBytes) {
        const std::size_t there = connection.unread().size();
        read += there;
        connection.take(there);
        const auto error = co_await connection.read_ahead(1);
        if (error) break;
    }
    deadline.cancel();
    connection.close_clean();
}

/// Whether this is the beginning of what is expected, or begins with it.
bool fits(std::string_view said, std::string_view expected) {
    const std::size_t common = std::min(said.size(), expected.size());
    return said.substr(0, common) == expected.substr(0, common);
}

std::string other_words(std::string_view said) {
    const std::string_view line = said.substr(0, std::min(said.find_first_of("\r\n"), said.size()));
    return "said \"" + std::string(line.substr(0, kShownBytes)) + "\", which is not expected";
}

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
    const HealthOptions& health = *backends_->health();
    const auto until = Clock::now() + health.timeout;
    auto dialled = co_await dial(worker_.executor(), backends_->at(index)->address, health.timeout);
    if (!dialled) co_return std::move(dialled.error().detail);
    const ConnectionPtr connection = std::move(*dialled);
    asked_[index]->connection = connection;
    std::optional<std::string> failure;
    if (const auto version = backends_->proxy_protocol(); version != ProxyProtocol::off) {
        const std::string header = proxy_header(version, {}, *connection);
        co_await connection->write_all(header);  // if it fails, what follows does
    }
    if (!stopped_ && !health.expect.empty()) {
        Deadline deadline(*connection, Use::again);
        deadline.expires_at(until);
        failure = co_await listen(*connection);
    }
    if (connection->is_open()) co_await part_from(*connection);
    co_return std::move(failure);
}

Task<std::optional<std::string>> HealthCheck::listen(Connection& connection) const {
    const std::string& expected = backends_->health()->expect;
    while (true) {
        const std::string_view said = connection.unread();
        if (!fits(said, expected)) co_return other_words(said);
        if (said.size() >= expected.size()) co_return std::nullopt;
        const auto error = co_await connection.read_ahead(said.size() + 1);
        if (!error) continue;
        if (connection.has_expired()) co_return "did not say what is expected in time";
        co_return "ended before it said what is expected: " + error.message();
    }
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
