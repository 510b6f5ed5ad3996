#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/limits.hpp"
#include "common/base/random.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/cluster/nats_client.hpp"
#include "common/cluster/nats_link.hpp"
#include "common/cluster/roll_call.hpp"
#include "common/cluster/subject.hpp"

namespace inout::cluster {
namespace {

constexpr std::size_t kRollCallDigits = 32;
/// By the number of what comes back: our own message, and answers.
constexpr std::uint64_t kOwn = 0, kRoll = 1;

/// One question at one server. Its thread may outlive who asks, and so owns what it needs.
class Caller final : public NatsLink::Owner, public std::enable_shared_from_this<Caller> {
  public:
    Caller(NatsOptions options, std::string server, const std::string& cluster)
        : options_(std::move(options)), server_(std::move(server)), subjects_(cluster) {}

    RollCall run() {
        std::thread thread;
        {
            const SignalsBlocked blocked;
            thread = std::thread([self = shared_from_this()] { self->ask(); });
        }
        const bool is_over = wait();
        if (!is_over) {
            thread.detach();
            return {.problem = "no answer in time"};
        }
        thread.join();  // or it would end beside the process, and OpenSSL with both
        return std::move(found_);
    }

    void heard(std::string_view subject, std::string_view, std::string_view body) override {
        const auto number = subjects_.number_of_answer(inbox_, subject);
        const auto answer = number == kRoll ? decode_answer(body) : std::nullopt;
        const std::lock_guard lock(mutex_);
        if (number == kOwn) {
            came_back_ = Clock::now();
            changed_.notify_all();
        } else if (answer && found_.proxies.size() < kRollCallProxiesMax) {
            found_.proxies.push_back(*answer);
        }
    }
    void nobody_listens(std::string_view) override {}
    void closed(std::uintptr_t) override {
        const std::lock_guard lock(mutex_);
        is_closed_ = true;
        changed_.notify_all();
    }

  private:
    bool wait() {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kRollCallMax, [this] { return is_over_; });
    }

    void ask() {
        const auto link = std::make_shared<NatsLink>(weak_from_this());
        std::string problem = call(*link);
        link->close();
        nats_ReleaseThreadMemory();
        const std::lock_guard lock(mutex_);
        found_.problem = std::move(problem);
        std::ranges::sort(found_.proxies, {}, &Answer::address);
        const auto again =
            std::unique(found_.proxies.begin(), found_.proxies.end(),
                        [](const Answer& a, const Answer& b) { return a.address == b.address; });
        found_.proxies.erase(again, found_.proxies.end());
        is_over_ = true;
        changed_.notify_all();
    }

    /// What is wrong; empty: nothing.
    std::string call(NatsLink& link) {
        const auto settings = nats_settings(options_, server_);
        std::string problem = settings ? link.connect(*settings) : settings.error();
        if (!problem.empty()) return problem;
        const auto begun = Clock::now();
        const bool is_sent =
            link.subscribe(subjects_.answers(inbox_)) &&
            link.publish({Operation::Kind::publish, subjects_.answer(inbox_, kOwn)}) &&
            link.publish({Operation::Kind::publish, subjects_.proxies(),
                          subjects_.answer(inbox_, kRoll), encode(Question{inbox_})});
        std::unique_lock lock(mutex_);
        const auto is_back = [this] { return came_back_ != Clock::time_point(); };
        changed_.wait_for(lock, is_sent ? kNatsSilence : Milliseconds{0},
                          [&] { return is_closed_ || is_back(); });
        if (!is_back()) {
            return is_closed_ || !is_sent ? "has ended the connection: " + link.end()
                                          : "our own messages do not come back";
        }
        found_.round_trip =
            std::chrono::duration_cast<std::chrono::microseconds>(came_back_ - begun);
        changed_.wait_for(lock, kRollCallWait, [this] { return is_closed_; });
        return "";
    }

    const NatsOptions options_;
    const std::string server_;
    const Subjects subjects_;
    const std::string inbox_ = random_hex(kRollCallDigits);

    std::mutex mutex_;
    std::condition_variable changed_;
    Clock::time_point came_back_{};
    bool is_closed_ = false, is_over_ = false;
    RollCall found_;
};

}  // namespace

RollCall call_roll(const NatsOptions& options, const std::string& server,
                   const std::string& cluster) {
    try {
        return std::make_shared<Caller>(options, server, cluster)->run();
    } catch (const std::system_error& error) {
        return {.problem = error.what()};
    }
}

}  // namespace inout::cluster
