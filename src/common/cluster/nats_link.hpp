// NatsLink: one connection to a server of NATS with what is subscribed there, by libnats.
//
// Its calls may wait for the server, kNatsWriteDeadline at most; so one thread, which is nobody
// else's, makes them. What comes is heard on threads of libnats.
#pragma once

#include <nats/nats.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/result.hpp"
#include "common/cluster/effects.hpp"
#include "common/cluster/nats_options.hpp"

namespace inout::cluster {

template <auto destroy>
struct DestroyNats {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using NatsSettings = std::unique_ptr<natsOptions, DestroyNats<natsOptions_Destroy>>;

/// The failure: a file of the options, and what is wrong with it.
Result<NatsSettings, std::string> nats_settings(const NatsOptions& options,
                                                const std::string& server);

class NatsLink {
  public:
    /// Called on threads of libnats: heard() one at a time. Neither is called for a link that is
    /// gone, but for calls that run just then.
    class Owner {
      public:
        Owner() = default;
        Owner(const Owner&) = delete;
        Owner& operator=(const Owner&) = delete;
        virtual ~Owner() = default;
        virtual void heard(std::string_view subject, std::string_view reply,
                           std::string_view body) = 0;
        /// What was published with this reply has no listener.
        virtual void nobody_listens(std::string_view reply) = 0;
        virtual void closed(std::uintptr_t link) = 0;
    };

    explicit NatsLink(std::weak_ptr<Owner> owner);
    NatsLink(const NatsLink&) = delete;
    NatsLink& operator=(const NatsLink&) = delete;
    ~NatsLink() { close(); }

    /// No other link has or had it.
    std::uintptr_t number() const { return number_; }
    /// What was wrong; empty: it is connected. Once.
    std::string connect(const NatsSettings& settings);
    // False: the connection is lost.
    bool subscribe(const std::string& subject);
    void unsubscribe(const std::string& subject);
    /// From any thread.
    bool publish(const Operation& message);
    /// Whoever has it still can do nothing with it any more.
    void close();
    /// Why it was lost, as far as libnats knows; empty: it was not.
    std::string end() const;

  private:
    using Connection = std::unique_ptr<natsConnection, DestroyNats<natsConnection_Destroy>>;
    using Subscription = std::unique_ptr<natsSubscription, DestroyNats<natsSubscription_Destroy>>;

    const std::uintptr_t number_;
    Connection connection_;
    std::unordered_map<std::string, Subscription> subscriptions_;
};

}  // namespace inout::cluster
