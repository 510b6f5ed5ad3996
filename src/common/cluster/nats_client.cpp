#include "common/cluster/nats_client.hpp"

#include <nats/nats.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/base/host_port.hpp"
#include "common/base/log.hpp"
#include "common/base/random.hpp"
#include "common/base/signals_blocked.hpp"

namespace inout::cluster {
namespace {

using std::chrono::duration_cast;

constexpr std::string_view kTlsScheme = "tls://";

template <auto destroy>
struct Destroy {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using Connection = std::unique_ptr<natsConnection, Destroy<natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroy<natsSubscription_Destroy>>;
using Settings = std::unique_ptr<natsOptions, Destroy<natsOptions_Destroy>>;
using ReceivedMessage = std::unique_ptr<natsMsg, Destroy<natsMsg_Destroy>>;

std::string text_of(natsStatus status) {
    const char* const detail = nats_GetLastError(nullptr);
    std::string text = natsStatus_GetText(status);
    if (detail != nullptr && *detail != '\0' && text != detail) text += std::string(": ") + detail;
    return text;
}

class LibnatsClient;

/// Those that live. libnats may call us still when a connection is gone, so what it is given is a
/// number, which is never used again.
class Living {
  public:
    static Living& all() {
        static Living living;
        return living;
    }
    std::uintptr_t add(std::weak_ptr<LibnatsClient> client) {
        const std::lock_guard lock(mutex_);
        clients_.emplace(++last_, std::move(client));
        return last_;
    }
    void remove(std::uintptr_t number) {
        const std::lock_guard lock(mutex_);
        clients_.erase(number);
    }
    std::shared_ptr<LibnatsClient> find(void* number) {
        const std::lock_guard lock(mutex_);
        const auto found = clients_.find(reinterpret_cast<std::uintptr_t>(number));
        return found == clients_.end() ? nullptr : found->second.lock();
    }

  private:
    std::mutex mutex_;
    std::uintptr_t last_ = 0;
    std::map<std::uintptr_t, std::weak_ptr<LibnatsClient>> clients_;
};

/// A connection with what is subscribed there. Of the client's thread.
struct Link {
    std::uintptr_t number;
    Connection connection{};
    std::unordered_map<std::string, Subscription> subscriptions{};

    Link() : number(0) {}
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;
    ~Link() {
        Living::all().remove(number);
        if (connection) natsConnection_Close(connection.get());
    }
};

class LibnatsClient : public NatsClient, public std::enable_shared_from_this<LibnatsClient> {
  public:
    LibnatsClient(NatsOptions options, std::string probe)
        : options_(std::move(options)), probe_(std::move(probe)) {}

    void start(std::weak_ptr<Listener> listener) override;
    bool apply(const Operation& operation) override;
    void stop() override;
    /// The failure: a file of the options.
    Result<Settings, std::string> settings_for(const std::string& server) const;

    // --- called by libnats, on threads of its own ---
    void heard(const natsMsg* message, std::string_view subject, std::string_view body);
    void closed(std::uintptr_t link);
    static void failed(natsStatus error, const char* text);

  private:
    void run();
    bool connect(Link& link, const std::string& server);
    void serve(Link& link, const std::string& server);
    bool subscribe(Link& link, const std::string& subject);
    bool work(Link& link);
    bool probe(Link& link);
    bool pause(Milliseconds time);
    std::string reason_of(const Link& link) const;
    void returned(std::string_view body);

    const NatsOptions options_;
    const std::string probe_;
    std::weak_ptr<Listener> listener_;
    std::thread thread_;

    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false, ended_ = false;
    bool connected_ = false;  // there is somebody to send to
    std::uintptr_t link_ = 0;
    bool lost_ = false;                             // that link
    std::unordered_set<std::string> wanted_;        // subjects
    std::unordered_set<std::string> reconsidered_;  // of them or not any more, since connected_
    std::deque<Operation> messages_;
    std::size_t waiting_bytes_ = 0;
    std::uint64_t probes_ = 0;
    Clock::time_point probed_at_{}, returned_at_{};
    bool is_told_ = false;  // connected()
    std::string server_;
};

// --- what libnats calls ---

extern "C" void inout_nats_heard(natsConnection*, natsSubscription*, natsMsg* message,
                                 void* number) {
    const ReceivedMessage owned(message);
    const auto client = Living::all().find(number);
    if (!client) return;
    const char* const subject = natsMsg_GetSubject(message);
    const int size = natsMsg_GetDataLength(message);
    client->heard(
        message, subject,
        {size > 0 ? natsMsg_GetData(message) : "", static_cast<std::size_t>(std::max(size, 0))});
}

extern "C" void inout_nats_closed(natsConnection*, void* number) {
    if (const auto client = Living::all().find(number)) {
        client->closed(reinterpret_cast<std::uintptr_t>(number));
    }
}

extern "C" void inout_nats_failed(natsConnection* connection, natsSubscription*, natsStatus error,
                                  void*) {
    const char* text = nullptr;
    if (natsConnection_GetLastError(connection, &text) != error) text = nullptr;
    LibnatsClient::failed(error, text);
}

void LibnatsClient::heard(const natsMsg* message, std::string_view subject, std::string_view body) {
    const auto listener = listener_.lock();
    if (!listener) return;
    if (subject == probe_) return returned(body);
    if (natsMsg_IsNoResponders(const_cast<natsMsg*>(message))) {
        return listener->nobody_listens(subject);
    }
    const char* const reply = natsMsg_GetReply(message);
    listener->heard(subject, reply != nullptr ? reply : "", body);
}

void LibnatsClient::closed(std::uintptr_t link) {
    const std::lock_guard lock(mutex_);
    if (link == link_) lost_ = true;
    changed_.notify_one();
}

/// A missing permission is silence to whoever asks, so it is said here.
void LibnatsClient::failed(natsStatus error, const char* text) {
    const std::string reason = text != nullptr ? text : natsStatus_GetText(error);
    const char* const event =
        error == NATS_NOT_PERMITTED ? "cluster not permitted" : "cluster hindered";
    log::limited(log::Level::warning, log::Kind::warning, event, reason.substr(0, kSeenMaxBytes),
                 {{"reason", reason}});
}

// --- on any thread ---

void LibnatsClient::start(std::weak_ptr<Listener> listener) {
    listener_ = std::move(listener);
    static std::once_flag once;
    std::call_once(once, [] {
        nats_Open(-1);
        // What comes is heard in its order.
        nats_SetMessageDeliveryPoolSize(1);
    });
    // It goes on alone if it can not be waited for, and owns what it needs.
    const SignalsBlocked blocked;
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
}

bool LibnatsClient::apply(const Operation& operation) {
    const std::lock_guard lock(mutex_);
    using Kind = Operation::Kind;
    if (operation.kind != Kind::publish) {
        if (operation.kind == Kind::subscribe) {
            wanted_.insert(operation.subject);
        } else {
            wanted_.erase(operation.subject);
        }
        if (connected_) reconsidered_.insert(operation.subject);
    } else {
        const std::size_t bytes =
            sizeof(Operation) + operation.subject.size() + operation.body.size();
        if (!connected_ || waiting_bytes_ + bytes > kNatsQueueMaxBytes) return false;
        waiting_bytes_ += bytes;
        messages_.push_back(operation);
    }
    changed_.notify_one();
    return true;
}

void LibnatsClient::stop() {
    {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
        if (!thread_.joinable()) return;
        changed_.wait_for(lock, kNatsConnect + kNatsWriteDeadline, [this] { return ended_; });
        if (!ended_) return thread_.detach();  // NOLINT: it looks up a name, and ends behind that
    }
    thread_.join();
}

// --- on its thread ---

Result<Settings, std::string> LibnatsClient::settings_for(const std::string& server) const {
    natsOptions* made = nullptr;
    natsStatus status = natsOptions_Create(&made);
    Settings settings(made);
    const auto set = [&](natsStatus next) {
        if (status == NATS_OK) status = next;
    };
    set(natsOptions_SetURL(made, server.c_str()));
    set(natsOptions_SetName(made, options_.name.c_str()));
    set(natsOptions_SetTimeout(made, kNatsConnect.count()));
    set(natsOptions_SetWriteDeadline(made, kNatsWriteDeadline.count()));
    // It is connected anew by us: libnats ends for good at many errors, and keeps what is sent
    // meanwhile until it is worthless.
    set(natsOptions_SetAllowReconnect(made, false));
    set(natsOptions_SetIgnoreDiscoveredServers(made, true));
    set(natsOptions_UseGlobalMessageDelivery(made, true));
    set(natsOptions_SetMaxPendingMsgs(made, kNatsUnheardMax));
    set(natsOptions_SetSendAsap(made, true));
    set(natsOptions_SetErrorHandler(made, inout_nats_failed, nullptr));
    if (!options_.credentials.empty()) {
        set(natsOptions_SetUserCredentialsFromFiles(made, options_.credentials.c_str(), nullptr));
    }
    if (server.starts_with(kTlsScheme)) {
        const auto place = parse_host_port(server.substr(kTlsScheme.size()));
        set(natsOptions_SetSecure(made, true));
        // Without it no name is compared.
        set(natsOptions_SetExpectedHostname(made, place ? place->host.c_str() : ""));
        if (!options_.ca.empty()) {
            set(natsOptions_LoadCATrustedCertificates(made, options_.ca.c_str()));
            if (status != NATS_OK) return Failure{options_.ca + ": " + text_of(status)};
        }
        if (!options_.cert.empty()) {
            set(natsOptions_LoadCertificatesChain(made, options_.cert.c_str(),
                                                  options_.key.c_str()));
            if (status != NATS_OK) return Failure{options_.cert + ": " + text_of(status)};
        }
    }
    if (status != NATS_OK) return Failure{text_of(status)};
    return settings;
}

void LibnatsClient::run() {
    std::size_t next =
        static_cast<std::size_t>(random_unit() * static_cast<double>(options_.servers.size()));
    Milliseconds wait = kNatsPause;
    while (true) {
        const std::string& server = options_.servers[next++ % options_.servers.size()];
        {
            Link link;
            if (connect(link, server)) {
                serve(link, server);
                const std::lock_guard lock(mutex_);
                if (is_told_) wait = kNatsPause;
                is_told_ = false;
            }
        }
        nats_ReleaseThreadMemory();
        const double shorter = 1 - random_unit() / 2;
        if (!pause(duration_cast<Milliseconds>(wait * shorter))) break;
        wait = std::min(2 * wait, kNatsPauseMax);
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
}

/// False: it ends.
bool LibnatsClient::pause(Milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopping_; });
}

bool LibnatsClient::connect(Link& link, const std::string& server) {
    link.number = Living::all().add(weak_from_this());
    auto settings = settings_for(server);
    std::string problem = settings ? "" : settings.error();
    if (settings) {
        natsOptions_SetClosedCB(settings->get(), inout_nats_closed,
                                reinterpret_cast<void*>(link.number));
        natsConnection* made = nullptr;
        const natsStatus status = natsConnection_Connect(&made, settings->get());
        link.connection.reset(made);
        if (status != NATS_OK) problem = text_of(status);
    }
    if (problem.empty()) return true;
    log::limited(log::Level::warning, log::Kind::warning, "cluster unreachable", server,
                 {{"server", server}, {"reason", problem}});
    return false;
}

void LibnatsClient::serve(Link& link, const std::string& server) {
    std::vector<std::string> subjects;
    {
        const std::lock_guard lock(mutex_);
        connected_ = true;
        lost_ = false;
        link_ = link.number;
        server_ = server;
        returned_at_ = Clock::now();
        probed_at_ = {};
        reconsidered_.clear();
        subjects.assign(wanted_.begin(), wanted_.end());
    }
    bool goes_on = subscribe(link, probe_);
    for (const auto& subject : subjects) goes_on = goes_on && subscribe(link, subject);
    if (goes_on) {
        // A long list has taken its time.
        const std::lock_guard lock(mutex_);
        returned_at_ = Clock::now();
    }
    while (goes_on && probe(link) && work(link)) {
    }
    const std::string reason = reason_of(link);
    bool was_told = false;
    {
        const std::lock_guard lock(mutex_);
        connected_ = false;
        was_told = is_told_;
        link_ = 0;
        messages_.clear();
        reconsidered_.clear();
        waiting_bytes_ = 0;
        if (stopping_) return;
    }
    const auto listener = listener_.lock();
    if (listener && was_told) {
        listener->disconnected(server, reason);
    } else if (listener) {
        log::limited(log::Level::warning, log::Kind::warning, "cluster unreachable", server,
                     {{"server", server}, {"reason", reason}});
    }
}

std::string LibnatsClient::reason_of(const Link& link) const {
    const char* text = nullptr;
    const natsStatus status = natsConnection_GetLastError(link.connection.get(), &text);
    if (!natsConnection_IsClosed(link.connection.get()) && status != NATS_TIMEOUT) {
        return "our own messages do not come back";
    }
    if (text != nullptr && *text != '\0') return text;
    return status != NATS_OK ? natsStatus_GetText(status) : "closed by the server";
}

bool LibnatsClient::subscribe(Link& link, const std::string& subject) {
    natsSubscription* made = nullptr;
    const natsStatus status =
        natsConnection_Subscribe(&made, link.connection.get(), subject.c_str(), inout_nats_heard,
                                 reinterpret_cast<void*>(link.number));
    if (status != NATS_OK) return false;
    natsSubscription_SetPendingLimits(made, kNatsUnheardMax, kNatsUnheardMaxBytes);
    link.subscriptions[subject].reset(made);
    return true;
}

/// Sends one now and then; false if none comes back.
bool LibnatsClient::probe(Link& link) {
    std::string body;
    {
        const std::lock_guard lock(mutex_);
        const auto now = Clock::now();
        if (now - returned_at_ > kNatsSilence) return false;
        if (probed_at_ != Clock::time_point{} && now - probed_at_ < kNatsProbe) return true;
        probed_at_ = now;
        body = std::to_string(++probes_);
    }
    return natsConnection_PublishString(link.connection.get(), probe_.c_str(), body.c_str()) ==
           NATS_OK;
}

void LibnatsClient::returned(std::string_view body) {
    const auto listener = listener_.lock();
    bool is_new = false;
    Clock::duration took{};
    std::string server;
    {
        const std::lock_guard lock(mutex_);
        if (!connected_ || body != std::to_string(probes_)) return;
        returned_at_ = Clock::now();
        took = returned_at_ - probed_at_;
        is_new = !std::exchange(is_told_, true);
        server = server_;
    }
    if (!listener) return;
    listener->took(took);
    if (is_new) listener->connected(server);
}

/// What was asked for, or waits for it until the next probe. False: the connection is lost, or it
/// ends.
bool LibnatsClient::work(Link& link) {
    std::vector<std::pair<std::string, bool>> subjects;
    std::deque<Operation> messages;
    {
        std::unique_lock lock(mutex_);
        changed_.wait_until(lock, probed_at_ + kNatsProbe, [this] {
            return stopping_ || lost_ || !messages_.empty() || !reconsidered_.empty();
        });
        if (stopping_ || lost_) return false;
        for (const auto& subject : reconsidered_) {
            subjects.emplace_back(subject, wanted_.contains(subject));
        }
        reconsidered_.clear();
        messages.swap(messages_);
        waiting_bytes_ = 0;
    }
    for (const auto& [subject, is_wanted] : subjects) {
        if (!is_wanted) {
            const auto found = link.subscriptions.find(subject);
            if (found == link.subscriptions.end()) continue;
            natsSubscription_Unsubscribe(found->second.get());
            link.subscriptions.erase(found);
        } else if (!link.subscriptions.contains(subject) && !subscribe(link, subject)) {
            return false;
        }
    }
    for (const Operation& message : messages) {
        const char* const reply = message.reply.empty() ? nullptr : message.reply.c_str();
        const natsStatus status =
            reply == nullptr
                ? natsConnection_Publish(link.connection.get(), message.subject.c_str(),
                                         message.body.data(), static_cast<int>(message.body.size()))
                : natsConnection_PublishRequest(link.connection.get(), message.subject.c_str(),
                                                reply, message.body.data(),
                                                static_cast<int>(message.body.size()));
        if (status != NATS_OK) return false;
    }
    return true;
}

}  // namespace

Result<std::shared_ptr<NatsClient>, std::string> NatsClient::make(const NatsOptions& options,
                                                                  std::string probe) {
    auto client = std::make_shared<LibnatsClient>(options, std::move(probe));
    for (const auto& server : options.servers) {
        if (auto settings = client->settings_for(server); !settings) {
            return Failure{std::move(settings.error())};
        }
    }
    return std::shared_ptr<NatsClient>(std::move(client));
}

}  // namespace inout::cluster
