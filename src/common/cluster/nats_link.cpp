#include "common/cluster/nats_link.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <new>
#include <utility>

#include "common/base/host_port.hpp"
#include "common/base/limits.hpp"
#include "common/base/log.hpp"
#include "common/cluster/nats_client.hpp"

namespace inout::cluster {
namespace {

using ReceivedMessage = std::unique_ptr<natsMsg, DestroyNats<natsMsg_Destroy>>;

constexpr std::string_view kTlsScheme = "tls://";
/// Of a connection's last error: what libnats has room for.
constexpr std::size_t kNatsWordsMax = 256;

std::string words(natsStatus status) {
    const char* const detail = nats_GetLastError(nullptr);
    std::string text = natsStatus_GetText(status);
    if (detail != nullptr && *detail != '\0' && text != detail) text += std::string(": ") + detail;
    return text;
}

/// The links that live. libnats may call still when a connection is gone, so what it is given is
/// no address but a number, which is never used again.
class Living {
  public:
    static Living& all() {
        static Living living;
        return living;
    }
    std::uintptr_t add(std::weak_ptr<NatsLink::Owner> owner) {
        const std::lock_guard lock(mutex_);
        owners_.emplace(++last_, std::move(owner));
        return last_;
    }
    void remove(std::uintptr_t number) {
        const std::lock_guard lock(mutex_);
        owners_.erase(number);
    }
    std::shared_ptr<NatsLink::Owner> find(std::uintptr_t number) {
        const std::lock_guard lock(mutex_);
        const auto found = owners_.find(number);
        return found == owners_.end() ? nullptr : found->second.lock();
    }

  private:
    std::mutex mutex_;
    std::uintptr_t last_ = 0;
    std::map<std::uintptr_t, std::weak_ptr<NatsLink::Owner>> owners_;
};

void* to_closure(std::uintptr_t number) {
    return reinterpret_cast<void*>(number);  // NOLINT(performance-no-int-to-ptr): see Living
}
std::uintptr_t to_number(void* closure) { return reinterpret_cast<std::uintptr_t>(closure); }

/// Of the connection's own text, which its thread overwrites when the next error comes, under a
/// lock that libnats does not give us: the words of two may be mixed, in the log alone. It ends
/// within its array in any case.
__attribute__((no_sanitize("thread"))) std::string copied(const char* text) {
    std::string copy;
    for (; *text != '\0' && copy.size() < kNatsWordsMax; ++text) copy += *text;
    return copy;
}

/// Without memory what a callback is about is lost, as messages may be, and not the program.
template <class F>
void survive(F act) {
    try {
        act();
    } catch (const std::bad_alloc&) {
        log::lose_line();
    }
}

extern "C" void inout_nats_heard(natsConnection*, natsSubscription*, natsMsg* message,
                                 void* closure) {
    const ReceivedMessage owned(message);
    const auto owner = Living::all().find(to_number(closure));
    if (!owner) return;
    survive([&] {
        const std::string_view subject = natsMsg_GetSubject(message);
        if (natsMsg_IsNoResponders(message)) return owner->nobody_listens(subject);
        const int size = std::max(natsMsg_GetDataLength(message), 0);
        const char* const reply = natsMsg_GetReply(message);
        owner->heard(subject, reply != nullptr ? reply : "",
                     {size > 0 ? natsMsg_GetData(message) : "", static_cast<std::size_t>(size)});
    });
}

extern "C" void inout_nats_closed(natsConnection*, void* closure) {
    const std::uintptr_t number = to_number(closure);
    if (const auto owner = Living::all().find(number)) owner->closed(number);
}

/// A missing permission is silence to whoever asks, so it is said here.
extern "C" void inout_nats_failed(natsConnection* connection, natsSubscription*, natsStatus error,
                                  void*) {
    survive([&] {
        const char* text = nullptr;
        if (natsConnection_GetLastError(connection, &text) != error) text = nullptr;
        const std::string reason = text != nullptr ? copied(text) : natsStatus_GetText(error);
        const bool is_denied = error == NATS_NOT_PERMITTED;
        log::limited(log::Level::warning, log::Kind::warning,
                     is_denied ? "cluster not permitted" : "cluster hindered",
                     reason.substr(0, kSeenMaxBytes), {{"reason", reason}});
    });
}

/// The failure is said with the file that it is about.
Result<NatsSettings, std::string> failure_of(natsStatus status, const std::string& file) {
    return Failure{(file.empty() ? std::string("NATS") : file) + ": " + words(status)};
}

}  // namespace

Result<NatsSettings, std::string> nats_settings(const NatsOptions& options,
                                                const std::string& server) {
    natsOptions* made = nullptr;
    natsStatus status = natsOptions_Create(&made);
    NatsSettings settings(made);
    const auto set = [&status](natsStatus next) {
        if (status == NATS_OK) status = next;
        return status == NATS_OK;
    };
    set(natsOptions_SetURL(made, server.c_str()));
    set(natsOptions_SetName(made, options.name.c_str()));
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
    if (!options.credentials.empty()) {
        const char* const file = options.credentials.c_str();
        if (!set(natsOptions_SetUserCredentialsFromFiles(made, file, nullptr))) {
            return failure_of(status, options.credentials);
        }
    }
    if (!server.starts_with(kTlsScheme)) {
        return status == NATS_OK ? std::move(settings) : failure_of(status, "");
    }
    const auto place = parse_host_port(server.substr(kTlsScheme.size()));
    set(natsOptions_SetSecure(made, true));
    // Without it no name is compared.
    set(natsOptions_SetExpectedHostname(made, place ? place->host.c_str() : ""));
    if (!options.ca.empty() &&
        !set(natsOptions_LoadCATrustedCertificates(made, options.ca.c_str()))) {
        return failure_of(status, options.ca);
    }
    if (!options.cert.empty() &&
        !set(natsOptions_LoadCertificatesChain(made, options.cert.c_str(), options.key.c_str()))) {
        return failure_of(status, options.cert);
    }
    if (status != NATS_OK) return failure_of(status, "");
    return settings;
}

NatsLink::NatsLink(std::weak_ptr<Owner> owner) : number_(Living::all().add(std::move(owner))) {}

void NatsLink::close() {
    Living::all().remove(number_);
    if (connection_) natsConnection_Close(connection_.get());
    subscriptions_.clear();
}

std::string NatsLink::connect(const NatsSettings& settings) {
    natsOptions_SetClosedCB(settings.get(), inout_nats_closed, to_closure(number_));
    natsConnection* made = nullptr;
    const natsStatus status = natsConnection_Connect(&made, settings.get());
    connection_.reset(made);
    return status == NATS_OK ? std::string() : words(status);
}

bool NatsLink::subscribe(const std::string& subject) {
    if (subscriptions_.contains(subject)) return true;
    natsSubscription* made = nullptr;
    const natsStatus status = natsConnection_Subscribe(&made, connection_.get(), subject.c_str(),
                                                       inout_nats_heard, to_closure(number_));
    if (status != NATS_OK) return false;
    natsSubscription_SetPendingLimits(made, kNatsUnheardMax, kNatsUnheardMaxBytes);
    subscriptions_[subject].reset(made);
    return true;
}

void NatsLink::unsubscribe(const std::string& subject) {
    const auto found = subscriptions_.find(subject);
    if (found == subscriptions_.end()) return;
    natsSubscription_Unsubscribe(found->second.get());
    subscriptions_.erase(found);
}

bool NatsLink::publish(const Operation& message) {
    const char* const subject = message.subject.c_str();
    const char* const body = message.body.data();
    const int size = static_cast<int>(message.body.size());
    return (message.reply.empty()
                ? natsConnection_Publish(connection_.get(), subject, body, size)
                : natsConnection_PublishRequest(connection_.get(), subject, message.reply.c_str(),
                                                body, size)) == NATS_OK;
}

std::string NatsLink::end() const {
    if (!natsConnection_IsClosed(connection_.get())) return "";
    const char* text = nullptr;
    const natsStatus status = natsConnection_GetLastError(connection_.get(), &text);
    if (status == NATS_OK || status == NATS_CONNECTION_CLOSED) return "closed by the server";
    return text != nullptr && *text != '\0' ? text : natsStatus_GetText(status);
}

}  // namespace inout::cluster
