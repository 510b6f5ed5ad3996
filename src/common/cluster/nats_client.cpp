#include "common/cluster/nats_client.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/base/signals_blocked.hpp"
#include "common/cluster/nats_link.hpp"
#include "common/cluster/nats_outbox.hpp"

namespace inout::cluster {
namespace {

void say_unreachable(const std::string& server, const std::string& reason) {
    log::limited(log::Level::warning, log::Kind::warning, "cluster unreachable", server,
                 {{"server", server}, {"reason", reason}});
}

class LibnatsClient final : public NatsClient,
                            public NatsLink::Owner,
                            public std::enable_shared_from_this<LibnatsClient> {
  public:
    LibnatsClient(NatsOptions options, std::string probe)
        : options_(std::move(options)), probe_(std::move(probe)) {}

    void start(std::weak_ptr<Listener> listener) override;
    bool apply(const Operation& operation) override;
    bool answer(const Operation& message) override;
    void stop() override;

    void heard(std::string_view subject, std::string_view reply, std::string_view body) override;
    void nobody_listens(std::string_view reply) override;
    void closed(std::uintptr_t link) override;

  private:
    void run();
    bool connect(NatsLink& link, const std::string& server) const;
    bool serve(const std::shared_ptr<NatsLink>& link, const std::string& server);
    bool subscribe_all(const std::shared_ptr<NatsLink>& link, const std::string& server);
    bool work(NatsLink& link);
    bool probe(NatsLink& link);
    bool pause(Milliseconds time);
    void returned(std::string_view body);
    Clock::time_point next_probe() const {
        return probed_at_ + (round_trips_.size() < kNatsRoundTrips ? kNatsFirstProbes : kNatsProbe);
    }

    const NatsOptions options_;
    const std::string probe_;
    std::weak_ptr<Listener> listener_;
    std::thread thread_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool is_stopping_ = false, has_ended_ = false;
    NatsOutbox outbox_;
    std::string server_;              // empty: there is none now
    std::shared_ptr<NatsLink> link_;  // to it
    bool is_lost_ = false;            // that link
    bool is_told_ = false;            // that it is connected
    std::uint64_t probes_ = 0;
    Clock::time_point probed_at_{}, returned_at_{};
    std::deque<Clock::duration> round_trips_;  // of that link, at most kNatsRoundTrips
};

// --- on threads of libnats ---

void LibnatsClient::heard(std::string_view subject, std::string_view reply, std::string_view body) {
    if (subject == probe_) return returned(body);
    if (const auto listener = listener_.lock()) listener->heard(subject, reply, body);
}

void LibnatsClient::nobody_listens(std::string_view reply) {
    if (const auto listener = listener_.lock()) listener->nobody_listens(reply);
}

void LibnatsClient::closed(std::uintptr_t link) {
    const std::lock_guard lock(mutex_);
    if (link_ && link == link_->number()) is_lost_ = true;
    changed_.notify_one();
}

void LibnatsClient::returned(std::string_view body) {
    const auto listener = listener_.lock();
    bool is_new = false;
    Clock::duration took{};
    std::string server;
    {
        const std::lock_guard lock(mutex_);
        if (server_.empty() || body != std::to_string(probes_)) return;
        returned_at_ = Clock::now();
        round_trips_.push_back(returned_at_ - probed_at_);
        if (round_trips_.size() > kNatsRoundTrips) round_trips_.pop_front();
        took = *std::min_element(round_trips_.begin(), round_trips_.end());
        is_new = !std::exchange(is_told_, true);
        server = server_;
    }
    if (!listener) return;
    listener->took(took);
    if (is_new) listener->connected(server);
}

// --- on any thread ---

void LibnatsClient::start(std::weak_ptr<Listener> listener) {
    listener_ = std::move(listener);
    static std::once_flag once;
    const SignalsBlocked blocked;
    std::call_once(once, [] {
        nats_Open(-1);
        // What comes is heard in its order.
        nats_SetMessageDeliveryPoolSize(1);
    });
    // It goes on alone if it can not be waited for, and so owns what it needs.
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
}

bool LibnatsClient::apply(const Operation& operation) {
    const std::lock_guard lock(mutex_);
    const bool was_empty = outbox_.is_empty();
    const bool is_kept = outbox_.add(operation);
    if (was_empty) changed_.notify_one();
    return is_kept;
}

bool LibnatsClient::answer(const Operation& message) {
    std::shared_ptr<NatsLink> link;
    {
        const std::lock_guard lock(mutex_);
        link = link_;
    }
    return link && link->publish(message);
}

void LibnatsClient::stop() {
    {
        std::unique_lock lock(mutex_);
        is_stopping_ = true;
        changed_.notify_all();
        if (!thread_.joinable()) return;
        changed_.wait_for(lock, kNatsConnect + kNatsWriteDeadline, [this] { return has_ended_; });
        // It looks up a name, which nobody can hurry, and ends behind that.
        if (!has_ended_) return thread_.detach();
    }
    thread_.join();
}

// --- on its thread ---

void LibnatsClient::run() {
    const std::size_t count = options_.servers.size();
    auto next = static_cast<std::size_t>(random_unit() * static_cast<double>(count));
    Milliseconds wait = kNatsPause;
    do {
        const std::string& server = options_.servers[next++ % count];
        const auto link = std::make_shared<NatsLink>(weak_from_this());
        if (connect(*link, server) && serve(link, server)) wait = kNatsPause;
        link->close();
        const double part = 1 - random_unit() / 2;
        if (!pause(std::chrono::duration_cast<Milliseconds>(wait * part))) break;
        wait = std::min(2 * wait, kNatsPauseMax);
    } while (true);
    nats_ReleaseThreadMemory();
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    changed_.notify_all();
}

/// False: it ends.
bool LibnatsClient::pause(Milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return is_stopping_; });
}

bool LibnatsClient::connect(NatsLink& link, const std::string& server) const {
    const auto settings = nats_settings(options_, server);
    const std::string problem = settings ? link.connect(*settings) : settings.error();
    if (!problem.empty()) say_unreachable(server, problem);
    return problem.empty();
}

/// As long as it lasts. False: it was never of use.
bool LibnatsClient::serve(const std::shared_ptr<NatsLink>& link, const std::string& server) {
    bool goes_on = subscribe_all(link, server);
    while (goes_on) goes_on = probe(*link) && work(*link);
    bool was_told = false;
    {
        const std::lock_guard lock(mutex_);
        was_told = std::exchange(is_told_, false);
        outbox_.close();
        server_.clear();
        link_.reset();
        if (is_stopping_) return true;
    }
    std::string reason = link->end();
    if (reason.empty()) reason = "our own messages do not come back";
    const auto listener = listener_.lock();
    if (was_told && listener) {
        listener->disconnected(server, reason);
    } else {
        say_unreachable(server, reason);
    }
    return was_told;
}

bool LibnatsClient::subscribe_all(const std::shared_ptr<NatsLink>& link,
                                  const std::string& server) {
    std::vector<std::string> subjects;
    {
        const std::lock_guard lock(mutex_);
        server_ = server;
        link_ = link;
        is_lost_ = false;
        round_trips_.clear();
        subjects = outbox_.open();
    }
    const bool done = link->subscribe(probe_) &&
                      std::all_of(subjects.begin(), subjects.end(),
                                  [&](const auto& subject) { return link->subscribe(subject); });
    const std::lock_guard lock(mutex_);
    returned_at_ = Clock::now();  // a long list has taken its time
    probed_at_ = {};
    return done;
}

/// Sends a message now and then that ought to come back; false if none does.
bool LibnatsClient::probe(NatsLink& link) {
    Operation message{Operation::Kind::publish, probe_};
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        if (now - returned_at_ > kNatsSilence) return false;
        if (probed_at_ != Clock::time_point{} && now < next_probe()) return true;
        probed_at_ = now;
        message.body = std::to_string(++probes_);
    }
    return link.publish(message);
}

/// What was asked for; or waits for that until the next probe. False: the connection is lost, or
/// the client ends.
bool LibnatsClient::work(NatsLink& link) {
    NatsOutbox::Batch batch;
    {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, probed_at_ + kNatsProbe,
                            [this] { return is_stopping_ || is_lost_ || !outbox_.is_empty(); });
        if (is_stopping_ || is_lost_) return false;
        batch = outbox_.take();
    }
    for (const auto& [subject, is_wanted] : batch.subjects) {
        if (!is_wanted) {
            link.unsubscribe(subject);
        } else if (!link.subscribe(subject)) {
            return false;
        }
    }
    return std::all_of(batch.messages.begin(), batch.messages.end(),
                       [&](const Operation& message) { return link.publish(message); });
}

}  // namespace

Result<std::shared_ptr<NatsClient>, std::string> NatsClient::make(const NatsOptions& options,
                                                                  std::string probe) {
    for (const auto& server : options.servers) {
        if (auto settings = nats_settings(options, server); !settings) {
            return Failure{std::move(settings.error())};
        }
    }
    return std::shared_ptr<NatsClient>(std::make_shared<LibnatsClient>(options, std::move(probe)));
}

}  // namespace inout::cluster
